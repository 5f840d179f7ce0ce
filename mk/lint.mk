# make fmt lays the sources out; make lint says what is wrong with them, and nothing when all is well. What was
# clean is not looked at again until it, or a header it includes, changes.
LINT_DIR := $(BUILD)/lint
C_FILES := $(shell find vmm guest shared tests bench examples -name '*.[ch]' 2>/dev/null)
# Not the examples, which know an installed library only; the compiler has its say on them.
# Not the tests of kernel sources on the host and the fuzz targets: sanitizers run those, with stand-ins for the kernel.
LINT_FILES := $(filter-out examples/% tests/unit/% tests/fuzz/%,$(filter %.c,$(C_FILES)))
LINT_STAMPS := $(LINT_FILES:%=$(LINT_DIR)/%.ok)

# The kernel's sources are checked with the kernel's flags (but for those that only gcc has), the programs that run
# in the guest with theirs, the rest with the host's. Generated headers are nobody's to mend: -isystem.
LINT_CLANG := -Wno-unknown-attributes -Wno-gnu-variable-sized-type-not-at-end
LINT_KERNEL := $(filter-out -flto% -falign-% -mstack-protector-guard%,$(GUEST_CFLAGS))
LINT_HOST := -std=gnu11 -Wall -Wextra -Wno-unused-parameter -D_GNU_SOURCE -I. -isystem $(BUILD)
lint_flags = $(LINT_CLANG) $(if $(filter guest/kernel/% guest/arch/%,$(1)),$(LINT_KERNEL),$(if \
    $(filter guest/% tests/guest/% bench/guest_bench.c,$(1)),$(USER_CFLAGS) $(if $(filter bench/%,$(1)),-DEXIT_CHILD='""'),$(LINT_HOST) $(if \
    $(filter-out vmm/base/error.c,$(filter vmm/%,$(1))),-include mk/lint_errors.h)))

.PHONY: fmt lint lint-files
fmt: setup-lint
	@clang-format -i $(C_FILES)

# clang-tidy reads every header that a compiler would: those of the libraries of build and tests (setup-lint has
# their packages) and the generated ones, which are made first.
lint: setup-lint
	@clang-format --dry-run --Werror $(C_FILES)
	+@$(MAKE) --no-print-directory --silent $(VMM_PROTOCOL_HEADERS)
	+@$(MAKE) --no-print-directory --keep-going --output-sync=target $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) \
	    lint-files
lint-files: $(LINT_DIR)/cppcheck.ok $(LINT_STAMPS)
	@:

# comparePointers: where a section begins and ends is two symbols of the linker.
# ctuuninitvar: takes a structure that is filled field by field for unset.
# internalAstError: asm goto and unrolled loops are beyond cppcheck's parser; the file is checked all the same.
$(LINT_DIR)/cppcheck.ok: $(filter vmm/% guest/kernel/% guest/arch/% shared/%,$(C_FILES)) mk/lint.mk mk/lint_cppcheck.h
	@mkdir -p $(@D)
	@cppcheck --quiet --std=c11 --language=c --error-exitcode=1 --inline-suppr --enable=warning,portability \
	    --suppress=missingIncludeSystem --suppress=comparePointers --suppress=internalAstError \
	    --suppress=ctuuninitvar \
	    --include=mk/lint_cppcheck.h -I. -Iguest -Iguest/arch/x86_64/include vmm guest/kernel guest/arch
	@touch $@

$(LINT_DIR)/%.c.ok: %.c .clang-tidy tests/.clang-tidy mk/lint.mk mk/lint_errors.h
	@mkdir -p $(@D)
	@$(HOST_CC) $(filter-out $(LINT_CLANG),$(call lint_flags,$<)) -MM -MP -MT $@ -MF $@.d $<
	@clang-tidy --quiet $< -- $(call lint_flags,$<) >$@.log 2>&1 || { grep -v 'warnings* generated' $@.log; exit 1; }
	@touch $@

-include $(wildcard $(LINT_STAMPS:=.d))
