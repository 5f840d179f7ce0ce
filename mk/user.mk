# Programs that run inside the guest: ours for the default root (guest/user) and the tests' (tests/guest).
# Static, so that the root needs no libraries; glibc by default, musl where MUSL_PROGRAMS says so as well.
USER_CC ?= gcc
USER_MUSL_CC ?= musl-gcc
USER_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -static -pthread -I. -Iguest/user/lib/include

USER_PROGRAMS := $(patsubst guest/user/%.c,$(BUILD)/guest/user/%,$(wildcard guest/user/*.c))
GUEST_TESTS := $(patsubst tests/guest/%.c,$(BUILD)/guest/tests/%,$(wildcard tests/guest/*.c))
MUSL_PROGRAMS := threads exec_args many_forks spawns
GUEST_TESTS += $(patsubst %,$(BUILD)/guest/tests/%-musl,$(MUSL_PROGRAMS))

# guest/user/lib, for programs of either C library.
USER_LIB_SOURCES := $(wildcard guest/user/lib/*.c)
USER_LIB := $(BUILD)/guest/user-lib/libspawn.a
USER_LIB_MUSL := $(BUILD)/guest/user-lib/libspawn-musl.a

.PHONY: guest-user guest-tests
guest-user: $(USER_PROGRAMS)
guest-tests: $(GUEST_TESTS)

$(USER_LIB): $(USER_LIB_SOURCES:guest/user/lib/%.c=$(BUILD)/guest/user-lib/glibc/%.o)
$(USER_LIB_MUSL): $(USER_LIB_SOURCES:guest/user/lib/%.c=$(BUILD)/guest/user-lib/musl/%.o)
$(USER_LIB) $(USER_LIB_MUSL):
	@echo "  AR $@"
	@rm -f $@; ar rcs $@ $^
$(BUILD)/guest/user-lib/glibc/%.o: guest/user/lib/%.c
	@mkdir -p $(@D) $(BUILD)/guest/deps
	@echo "  CC $@"
	@$(USER_CC) $(USER_CFLAGS) -MMD -MP -MF $(BUILD)/guest/deps/lib-$*.d -c -o $@ $<
$(BUILD)/guest/user-lib/musl/%.o: guest/user/lib/%.c
	@mkdir -p $(@D) $(BUILD)/guest/deps
	@echo "  CC $@"
	@$(USER_MUSL_CC) $(USER_CFLAGS) -MMD -MP -MF $(BUILD)/guest/deps/lib-$*-musl.d -c -o $@ $<

$(BUILD)/guest/user/%: guest/user/%.c $(USER_LIB)
	@mkdir -p $(@D) $(BUILD)/guest/deps
	@echo "  LD $@"
	@$(USER_CC) $(USER_CFLAGS) -MMD -MP -MF $(BUILD)/guest/deps/user-$*.d -MT $@ -o $@ $< $(USER_LIB) -lm
$(BUILD)/guest/tests/%-musl: tests/guest/%.c $(USER_LIB_MUSL)
	@mkdir -p $(@D) $(BUILD)/guest/deps
	@echo "  LD $@"
	@$(USER_MUSL_CC) $(USER_CFLAGS) -MMD -MP -MF $(BUILD)/guest/deps/test-$*-musl.d -MT $@ -o $@ $< $(USER_LIB_MUSL) -lm
$(BUILD)/guest/tests/%: tests/guest/%.c $(USER_LIB)
	@mkdir -p $(@D) $(BUILD)/guest/deps
	@echo "  LD $@"
	@$(USER_CC) $(USER_CFLAGS) -MMD -MP -MF $(BUILD)/guest/deps/test-$*.d -MT $@ -o $@ $< $(USER_LIB) -lm

-include $(wildcard $(BUILD)/guest/deps/*.d)
