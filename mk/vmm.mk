# mk/vmm.mk: libvitrine (build/libvitrine.a and .so) and the command (build/vitrine).
VMM_CC ?= gcc
VMM_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE -I. -I$(BUILD) -MMD -MP -pthread
# The same objects serve both libraries; only what vmm/include declares is seen outside the shared one.
VMM_CFLAGS += -fPIC -fvisibility=hidden
VMM_LIBS := -larchive -ljansson -ldw -lelf -lprotobuf-c -lm -pthread
VMM_CLI_LIBS := -lncurses -ltinfo

VMM_SOURCES := $(filter-out vmm/cli/%,$(wildcard vmm/*/*.c))
# What programs inside say of tokens and SIDs, the host says as well.
VMM_SHARED_SOURCES := guest/user/lib/token_spec.c guest/user/lib/sid_text.c guest/user/lib/sddl_words.c
VMM_ASSEMBLY := $(wildcard vmm/*/*.S)
VMM_PROTOCOLS := $(wildcard vmm/*/*.proto)
VMM_PROTOCOL_HEADERS := $(VMM_PROTOCOLS:%.proto=$(BUILD)/%.pb-c.h)
VMM_OBJECTS := $(VMM_SOURCES:%.c=$(BUILD)/%.o) $(VMM_SHARED_SOURCES:%.c=$(BUILD)/vmm/%.o) $(VMM_ASSEMBLY:%.S=$(BUILD)/%.o) \
    $(VMM_PROTOCOLS:%.proto=$(BUILD)/%.pb-c.o)
VMM_CLI_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard vmm/cli/*.c))

.PHONY: vmm
vmm: $(BUILD)/libvitrine.a $(VMM_SHARED) $(BUILD)/vitrine $(BUILD)/vitrine-gdb.py

# gdb's commands lie beside the program that starts gdb.
$(BUILD)/vitrine-gdb.py: vmm/gdb/scripts/vitrine.py
	@cp $< $@

# Messages of a .proto file as C: one header and one source.
.SECONDARY: $(VMM_PROTOCOL_HEADERS) $(VMM_PROTOCOL_HEADERS:.h=.c)
$(BUILD)/vmm/%.pb-c.c $(BUILD)/vmm/%.pb-c.h: vmm/%.proto
	@mkdir -p $(@D)
	@echo "  PROTOC $<"
	@protoc-c --c_out=$(BUILD) $<
$(BUILD)/vmm/%.pb-c.o: $(BUILD)/vmm/%.pb-c.c mk/vmm.mk
	@echo "  CC $@"
	@$(VMM_CC) $(VMM_CFLAGS) -c $< -o $@

$(BUILD)/vmm/%.o: vmm/%.c mk/vmm.mk | $(VMM_PROTOCOL_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(VMM_CC) $(VMM_CFLAGS) -c $< -o $@

$(BUILD)/vmm/guest/%.o: guest/%.c mk/vmm.mk
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(VMM_CC) $(VMM_CFLAGS) -Iguest/user/lib/include -c $< -o $@

$(BUILD)/vmm/%.o: vmm/%.S mk/vmm.mk
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(VMM_CC) $(VMM_CFLAGS) -c $< -o $@

# The page of --trace FILE.html: a line "@NAME@" in page.html stands for the file NAME beside it; the data's place,
# @trace@, is filled in at run time.
TIMELINE_DIR := vmm/export/timeline
TIMELINE_PAGE := $(BUILD)/$(TIMELINE_DIR)/timeline.html
$(TIMELINE_PAGE): $(wildcard $(TIMELINE_DIR)/*) mk/vmm.mk
	@mkdir -p $(@D)
	@awk -v dir=$(TIMELINE_DIR)/ '/^@[a-z_]+[.](css|js)@$$/ { file = dir substr($$0, 2, length($$0) - 2); \
	    while ((got = (getline line < file)) > 0) print line; if (got < 0) exit 1; next } { print }' \
	    $(TIMELINE_DIR)/page.html >$@.tmp
	@mv $@.tmp $@
$(BUILD)/vmm/export/timeline_page.o: $(TIMELINE_PAGE)
$(BUILD)/vmm/export/timeline_page.o: VMM_CFLAGS += -DTIMELINE_PAGE='"$(TIMELINE_PAGE)"'

# Made anew each time: ar would keep members whose source has gone. Appending (q) because two folders may have a
# file of the same name, which replacing (r) would take for one.
$(BUILD)/libvitrine.a: $(VMM_OBJECTS)
	@rm -f $@
	@ar qcs $@ $^

$(VMM_SHARED): $(VMM_OBJECTS)
	@echo "  LD $@"
	@$(VMM_CC) -shared -Wl,-soname,$(VMM_SONAME) -Wl,--no-undefined -o $@ $^ $(VMM_LIBS)
	@ln -sf $(@F) $(BUILD)/$(VMM_SONAME)
	@ln -sf $(VMM_SONAME) $(BUILD)/libvitrine.so

$(BUILD)/vitrine: $(VMM_CLI_OBJECTS) $(BUILD)/libvitrine.a
	@echo "  LD $@"
	@$(VMM_CC) $(VMM_CLI_OBJECTS) $(BUILD)/libvitrine.a $(VMM_CLI_LIBS) $(VMM_LIBS) -o $@

-include $(VMM_OBJECTS:.o=.d) $(VMM_CLI_OBJECTS:.o=.d)
