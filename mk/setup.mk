# Tools: each group of packages is looked for once per change of the list; what is missing is installed where
# that is possible (root on Debian) and named where it is not. mk/setup.sh does the work.
SETUP_BUILD := gcc libc6-dev musl-tools busybox-static qemu-system-x86 libelf-dev libdw-dev libjansson-dev libarchive-dev \
    libseccomp-dev libprotobuf-c-dev protobuf-c-compiler libncurses-dev
SETUP_TEST := libcriterion-dev clang libclang-rt-14-dev erofs-utils cpio python3 trace-cmd protobuf-compiler chromium \
    strace gdb pkg-config mandoc bash-static procps psmisc lua5.4 sqlite3 tini rt-tests stress-ng libpython3.11-testsuite
SETUP_BENCH := python3
SETUP_LINT := clang-format clang-tidy cppcheck

# A target checks all that it needs in one go, so that whoever cannot install it is told once.
.PHONY: setup setup-test setup-bench setup-lint
setup: $(BUILD)/setup/build
setup-test: $(BUILD)/setup/test
setup-bench: $(BUILD)/setup/bench
setup-lint: $(BUILD)/setup/lint

$(BUILD)/setup/build: mk/setup.mk mk/setup.sh
	@sh mk/setup.sh $@ $(SETUP_BUILD)
$(BUILD)/setup/test: mk/setup.mk mk/setup.sh
	@sh mk/setup.sh $@ $(SETUP_BUILD) $(SETUP_TEST)
$(BUILD)/setup/bench: mk/setup.mk mk/setup.sh
	@sh mk/setup.sh $@ $(SETUP_BUILD) $(SETUP_BENCH)
$(BUILD)/setup/lint: mk/setup.mk mk/setup.sh
	@sh mk/setup.sh $@ $(SETUP_BUILD) $(SETUP_TEST) $(SETUP_LINT)
