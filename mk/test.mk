# make test: everything within a quarter of an hour. make test-long: the same with counts as in a soak.
# One runner (tests/run.py) runs all of them with a deadline each, and prints the sums.
#
# tests/unit and tests/fuzz compile kernel sources for the host: the first line of each test names them,
# "// SOURCES: guest/kernel/lib/rbtree.c ...", and tests/unit/host stands in for what only a machine has.
HOST_CC ?= gcc
FUZZ_CC ?= clang
TEST_DIR := $(BUILD)/tests
TEST_CFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter -D_GNU_SOURCE -I.
TEST_LIBS = $(BUILD)/libvitrine.a -lcriterion $(VMM_LIBS)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
KERNEL_ON_HOST := -Itests/unit/host -Iguest -Iguest/arch/x86_64/include -Iguest/user/lib/include -DKERNEL_ON_HOST -fno-strict-aliasing \
    -fno-builtin
FUZZ_SECONDS ?= 8

UNIT_TESTS := $(patsubst tests/unit/%.c,$(TEST_DIR)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ_TESTS := $(patsubst tests/fuzz/%.c,$(TEST_DIR)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
INSPECT_TESTS := $(patsubst tests/inspect/%.c,$(TEST_DIR)/inspect/%,$(wildcard tests/inspect/test_*.c))
MACHINE_TESTS := $(patsubst tests/machine/%.c,$(TEST_DIR)/machine/%,$(wildcard tests/machine/test_*.c))
MACHINE_KERNELS := $(patsubst tests/machine/kernel/%.S,$(TEST_DIR)/%.elf,$(wildcard tests/machine/kernel/*.S))
INTEGRATION_TESTS := $(patsubst tests/integration/%.c,$(TEST_DIR)/integration/%,$(wildcard tests/integration/test_*.c))
INTEGRATION_HARNESS := $(patsubst tests/integration/%.c,$(TEST_DIR)/integration/%.o,\
    $(filter-out tests/integration/test_%,$(wildcard tests/integration/*.c)))
# Programs with an installed copy and nothing else of this tree: the examples, in a copy of their folder.
STAGE := $(BUILD)/stage
EXAMPLES_DIR := $(TEST_DIR)/examples
EXAMPLE_TESTS := $(EXAMPLES_DIR)/test_turns
ALL_TESTS := $(UNIT_TESTS) $(INSPECT_TESTS) $(MACHINE_TESTS) $(EXAMPLE_TESTS) $(INTEGRATION_TESTS) $(FUZZ_TESTS)

.PHONY: test test-long fuzz test-binaries test-unit test-integration
test: setup-test
	+@$(MAKE) --no-print-directory vmm guest guest-tests test-binaries
	+@$(MAKE) --no-print-directory KERNEL_DEBUG=1 debug-kernel
	@python3 tests/run.py --build $(BUILD) --fuzz-seconds $(FUZZ_SECONDS) $(ALL_TESTS)

test-long: setup-test
	+@$(MAKE) --no-print-directory vmm guest guest-tests test-binaries
	+@$(MAKE) --no-print-directory KERNEL_DEBUG=1 debug-kernel
	@VITRINE_TEST_LONG=1 python3 tests/run.py --strict --build $(BUILD) --fuzz-seconds 300 --timeout 7200 $(ALL_TESTS)

fuzz: setup-test
	+@$(MAKE) --no-print-directory $(FUZZ_TESTS)
	@python3 tests/run.py --build $(BUILD) --fuzz-seconds 1800 --timeout 7200 $(FUZZ_TESTS)

# Parts, for work on one of them; the tools are taken for granted.
test-unit: $(UNIT_TESTS)
	@python3 tests/run.py --build $(BUILD) $(UNIT_TESTS)
test-integration: vmm guest guest-tests $(EXAMPLE_TESTS) $(INTEGRATION_TESTS) $(MACHINE_KERNELS)
	@python3 tests/run.py --build $(BUILD) $(EXAMPLE_TESTS) $(INTEGRATION_TESTS)

# Each public header stands alone, in strict C and in C++, with nothing but the tree in the include path.
HEADER_CHECKS := $(patsubst %.h,$(TEST_DIR)/%.ok,$(wildcard vmm/include/*.h vmm/include/*/*.h))
$(TEST_DIR)/vmm/include/%.ok: vmm/include/%.h $(wildcard vmm/include/vitrine/*.h shared/*.h)
	@mkdir -p $(@D)
	@$(HOST_CC) -std=c11 -Wall -Wextra -Werror -I. -include $< -x c -fsyntax-only /dev/null
	@$(FUZZ_CC) -Wall -Wextra -Werror -I. -include $< -x c++ -fsyntax-only /dev/null
	@touch $@

test-binaries: bench-program $(ALL_TESTS) $(MACHINE_KERNELS) $(HEADER_CHECKS)

# All of the comment that the file begins with: a formatter may have broken the line.
sources_of = $(shell awk '!sub("^// (SOURCES: *)?", "") {exit} {print}' $(1))
HOST_HEADERS := $(shell find guest/kernel guest/arch tests/unit tests/inspect shared -name '*.h' -o -name '*.inc' 2>/dev/null)
# ... and of the host's readers, for tests that compile those.
READER_HEADERS := $(shell find vmm -name '*.h' -o -name '*.def' 2>/dev/null)
headers_of = $(HOST_HEADERS) $(if $(findstring vmm/,$(call sources_of,$(1))),$(READER_HEADERS))

define unit_test
$(TEST_DIR)/unit/$(1): tests/unit/$(1).c $(call sources_of,tests/unit/$(1).c) $(call headers_of,tests/unit/$(1).c)
	@mkdir -p $$(@D)
	@echo "  unit $$(notdir $$@)"; $$(HOST_CC) $$(KERNEL_ON_HOST) $$(TEST_CFLAGS) $$(SANITIZE) -o $$@ $$(filter %.c,$$^) -lcriterion -lpthread -lm
endef
define fuzz_test
$(TEST_DIR)/fuzz/$(1): tests/fuzz/$(1).c $(call sources_of,tests/fuzz/$(1).c) $(call headers_of,tests/fuzz/$(1).c)
	@mkdir -p $$(@D)
	@echo "  fuzz $$(notdir $$@)"; $$(FUZZ_CC) $$(KERNEL_ON_HOST) $$(TEST_CFLAGS) -fsanitize=fuzzer $$(SANITIZE) -o $$@ $$(filter %.c,$$^) -lelf
endef
$(foreach test,$(notdir $(UNIT_TESTS)),$(eval $(call unit_test,$(test))))
$(foreach test,$(notdir $(FUZZ_TESTS)),$(eval $(call fuzz_test,$(test))))

$(TEST_DIR)/inspect/%: tests/inspect/%.c $(BUILD)/libvitrine.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(HOST_CC) $(TEST_CFLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $(filter %.c,$^) $(TEST_LIBS)
$(TEST_DIR)/machine/%: tests/machine/%.c $(BUILD)/libvitrine.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(HOST_CC) $(TEST_CFLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $(filter %.c,$^) $(TEST_LIBS)
$(TEST_DIR)/%.elf: tests/machine/kernel/%.S tests/machine/kernel/kernel.ld \
    $(wildcard tests/machine/kernel/*.inc tests/machine/kernel/*.h)
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(HOST_CC) -I. -Itests/machine/kernel -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	    -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -Wl,-T,tests/machine/kernel/kernel.ld -o $@ $<

$(TEST_DIR)/integration/%.o: tests/integration/%.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(HOST_CC) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<
$(INTEGRATION_TESTS): %: %.o $(INTEGRATION_HARNESS) $(BUILD)/libvitrine.a
	@echo "  LD $@"
	@$(HOST_CC) -o $@ $< $(INTEGRATION_HARNESS) $(TEST_LIBS)

$(STAGE)/installed: $(BUILD)/vitrine $(BUILD)/libvitrine.a $(VMM_SHARED) $(BUILD)/vitrine-kernel \
    $(patsubst guest/user/%.c,$(BUILD)/guest/user/%,$(wildcard guest/user/*.c)) $(MAN_PAGES) mk/install.mk \
    vmm/vitrine.pc.in $(wildcard vmm/include/*.h vmm/include/*/*.h shared/*.h) vmm/gdb/scripts/vitrine.py
	@rm -rf $(STAGE)
	+@$(MAKE) --no-print-directory install-files DESTDIR= PREFIX=$(abspath $(STAGE)) INSTALL_KERNELS=vitrine-kernel
	@touch $@
$(EXAMPLE_TESTS): $(STAGE)/installed $(wildcard examples/*.c) examples/Makefile
	@rm -rf $(EXAMPLES_DIR)
	@mkdir -p $(EXAMPLES_DIR)
	@cp examples/*.c examples/Makefile $(EXAMPLES_DIR)
	@echo "  MAKE $(EXAMPLES_DIR)"
	+@$(MAKE) --no-print-directory --silent -C $(EXAMPLES_DIR) PKG_CONFIG_PATH=$(abspath $(STAGE))/lib/pkgconfig

-include $(wildcard $(TEST_DIR)/*/*.d)
