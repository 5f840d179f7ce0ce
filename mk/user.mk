# Programs that run inside the guest: ours for the default root (guest/user) and the tests' (tests/guest).
# Static, so that the root needs no libraries; glibc by default, musl where MUSL_PROGRAMS says so as well.
USER_CC ?= gcc
USER_MUSL_CC ?= musl-gcc
USER_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -static -pthread -I.

USER_PROGRAMS := $(patsubst guest/user/%.c,$(BUILD)/guest/user/%,$(wildcard guest/user/*.c))
GUEST_TESTS := $(patsubst tests/guest/%.c,$(BUILD)/guest/tests/%,$(wildcard tests/guest/*.c))
MUSL_PROGRAMS := threads exec_args many_forks
GUEST_TESTS += $(patsubst %,$(BUILD)/guest/tests/%-musl,$(MUSL_PROGRAMS))

.PHONY: guest-user guest-tests
guest-user: $(USER_PROGRAMS)
guest-tests: $(GUEST_TESTS)

$(BUILD)/guest/user/%: guest/user/%.c
	@mkdir -p $(@D) $(BUILD)/guest/deps
	@echo "  LD $@"
	@$(USER_CC) $(USER_CFLAGS) -MMD -MP -MF $(BUILD)/guest/deps/user-$*.d -MT $@ -o $@ $< -lm
$(BUILD)/guest/tests/%-musl: tests/guest/%.c
	@mkdir -p $(@D) $(BUILD)/guest/deps
	@echo "  LD $@"
	@$(USER_MUSL_CC) $(USER_CFLAGS) -MMD -MP -MF $(BUILD)/guest/deps/test-$*-musl.d -MT $@ -o $@ $< -lm
$(BUILD)/guest/tests/%: tests/guest/%.c
	@mkdir -p $(@D) $(BUILD)/guest/deps
	@echo "  LD $@"
	@$(USER_CC) $(USER_CFLAGS) -MMD -MP -MF $(BUILD)/guest/deps/test-$*.d -MT $@ -o $@ $< -lm

-include $(wildcard $(BUILD)/guest/deps/*.d)
