# make bench: the basic operations of the kernel, in instructions and time; LINUX=1 measures Linux beside it.
BENCH_PROGRAM := $(BUILD)/bench/guest_bench

.PHONY: bench bench-program
bench: setup-bench
	+@$(MAKE) --no-print-directory vmm guest bench-program
	python3 bench/run.py --build $(BUILD)

# Lists anew the functions and variables that the kernel keeps together (hot_text.ld, hot_data.ld).
.PHONY: hot-layout
hot-layout: setup-bench
	+@$(MAKE) --no-print-directory vmm guest bench-program
	python3 bench/hot_layout.py --build $(BUILD)

bench-program: $(BENCH_PROGRAM)
BENCH_CHILD := $(BUILD)/bench/exit_child
$(BENCH_PROGRAM): bench/guest_bench.c $(BENCH_CHILD)
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CFLAGS) -DEXIT_CHILD='"$(BENCH_CHILD)"' -o $@ $< -lm

$(BENCH_CHILD): bench/exit_child.S
	@mkdir -p $(@D)
	$(USER_CC) -nostdlib -static -Wl,--build-id=none -o $@ $<

# Saving, restoring and forking a booted machine (docs/snapshot.md).
SNAPSHOT_BENCH := $(BUILD)/bench/snapshot_bench
.PHONY: bench-snapshot
bench-snapshot: setup-bench
	+@$(MAKE) --no-print-directory vmm guest $(SNAPSHOT_BENCH)
	$(SNAPSHOT_BENCH) 100

$(SNAPSHOT_BENCH): bench/snapshot_bench.c $(BUILD)/libvitrine.a
	@mkdir -p $(@D)
	$(VMM_CC) $(VMM_CFLAGS) -o $@ $^ $(VMM_LIBS)
