# make run | test | test-long | bench | doctor | fmt | lint | clean. Each part has its rules in mk/.
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
BUILD := build
include $(sort $(wildcard mk/*.mk))
.PHONY: all clean
all: vmm guest
clean:
	rm -rf $(BUILD)
