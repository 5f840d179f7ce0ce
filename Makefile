# make run | test | test-long | fuzz | bench | doctor | install | uninstall | fmt | lint | clean. Each part has its rules in mk/.
# The targets people type first see to it that the tools are there (mk/setup.mk), then build in a second make,
# so that a machine with nothing but make and git can start here.
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
BUILD := build
include $(sort $(wildcard mk/*.mk))

DEMO := ls -la / | grep bin | wc -l

.PHONY: all run doctor clean
all: setup
	+@$(MAKE) --no-print-directory vmm guest

# A shell pipeline of an unmodified busybox, and beside its output what was seen of it from outside.
run: all
	$(BUILD)/vitrine run -- /bin/busybox sh -c '$(DEMO)'

doctor: all
	$(BUILD)/vitrine doctor

clean:
	rm -rf $(BUILD)
