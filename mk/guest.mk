# The kernel: build/vitrine-kernel (ELF with symbols), from every .c and .S below guest/arch and guest/kernel.
# KERNEL_DEBUG=1 builds with lock-order and state checks.
GUEST_DIR := $(BUILD)/guest
GUEST_CC ?= gcc
GUEST_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -Wmissing-prototypes -Wstrict-prototypes \
    -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -march=x86-64 \
    -fno-omit-frame-pointer -fno-strict-aliasing -fno-common -fstack-protector-strong \
    -mstack-protector-guard=global -fno-asynchronous-unwind-tables -fcf-protection=none -ffunction-sections -fdata-sections -falign-functions=8 -falign-jumps=1 -falign-loops=1 -falign-labels=1 \
    -I. -Iguest -Iguest/arch/x86_64/include
ifdef KERNEL_DEBUG
GUEST_CFLAGS += -DKERNEL_DEBUG
GUEST_DIR := $(BUILD)/guest-debug
GUEST_KERNEL := $(BUILD)/vitrine-kernel-debug
else
# Link-time optimisation: a tenth fewer instructions on every path. The debug kernel goes without, for gdb's sake.
GUEST_CFLAGS += -flto=auto
GUEST_KERNEL := $(BUILD)/vitrine-kernel
endif
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack \
    -Wl,-T,guest/arch/x86_64/kernel.ld -Wl,--no-warn-rwx-segments

GUEST_SOURCES := $(shell find guest/arch guest/kernel -name '*.c' -o -name '*.S')
GUEST_OBJECTS := $(patsubst guest/%,$(GUEST_DIR)/%.o,$(GUEST_SOURCES))

.PHONY: guest debug-kernel
guest: $(GUEST_KERNEL) guest-user

debug-kernel: $(GUEST_KERNEL)

$(GUEST_DIR)/%.c.o: guest/%.c mk/guest.mk
	@mkdir -p $(@D)
	@echo "  CC $<"
	@$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c $< -o $@
$(GUEST_DIR)/%.S.o: guest/%.S mk/guest.mk
	@mkdir -p $(@D)
	@echo "  AS $<"
	@$(GUEST_CC) $(GUEST_CFLAGS) -D__ASSEMBLER__ -MMD -MP -c $< -o $@

$(GUEST_KERNEL): $(GUEST_OBJECTS) $(addprefix guest/arch/x86_64/,kernel.ld hot_text.ld hot_data.ld)
	@echo "  LD $@"
	@$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -o $@.tmp $(GUEST_OBJECTS) -lgcc
	@mv $@.tmp $@

# The compiler itself calls what these define, after it has decided what is used.
$(GUEST_DIR)/kernel/lib/string.c.o $(GUEST_DIR)/kernel/observe/panic_report.c.o: GUEST_CFLAGS += -fno-lto

-include $(GUEST_OBJECTS:.o=.d)
