# make install | uninstall, PREFIX=/usr/local DESTDIR= (and LIBDIR, MANDIR ... where a system has its own ideas).
#
# What is installed finds its parts relative to itself (vmm/session/places.c), so nothing is compiled anew for a
# prefix, and the tree may be moved. One list serves both directions.
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
# The parts: always here, wherever LIBDIR is.
PARTSDIR := $(PREFIX)/lib/vitrine

# The version stands in the header alone.
VITRINE_VERSION_H := vmm/include/vitrine/version.h
VITRINE_MAJOR := $(shell awk '$$2 == "VITRINE_VERSION_MAJOR" { print $$3 }' $(VITRINE_VERSION_H))
VITRINE_MINOR := $(shell awk '$$2 == "VITRINE_VERSION_MINOR" { print $$3 }' $(VITRINE_VERSION_H))
VMM_SONAME := libvitrine.so.$(VITRINE_MAJOR)
VMM_SHARED := $(BUILD)/$(VMM_SONAME).$(VITRINE_MINOR)

PC_FILE := $(BUILD)/vitrine.pc
INSTALL_KERNELS := vitrine-kernel vitrine-kernel-debug
MAN_PAGES := $(wildcard docs/man/*.[13])

# MODE:FILE:PLACE
INSTALL_FILES = 755:$(BUILD)/vitrine:$(BINDIR)/vitrine \
    755:$(VMM_SHARED):$(LIBDIR)/$(notdir $(VMM_SHARED)) \
    644:$(BUILD)/libvitrine.a:$(LIBDIR)/libvitrine.a \
    644:$(PC_FILE):$(PKGCONFIGDIR)/vitrine.pc \
    $(foreach kernel,$(INSTALL_KERNELS),644:$(BUILD)/$(kernel):$(PARTSDIR)/$(kernel)) \
    644:vmm/gdb/scripts/vitrine.py:$(PARTSDIR)/vitrine-gdb.py \
    $(foreach program,$(USER_PROGRAMS),755:$(program):$(PARTSDIR)/guest/user/$(notdir $(program))) \
    644:vmm/include/vitrine.h:$(INCLUDEDIR)/vitrine.h \
    $(foreach header,$(wildcard vmm/include/vitrine/*.h),644:$(header):$(INCLUDEDIR)/vitrine/$(notdir $(header))) \
    $(foreach header,boot glass objects trace,644:shared/$(header).h:$(INCLUDEDIR)/vitrine/shared/$(header).h) \
    $(foreach page,$(MAN_PAGES),644:$(page):$(MANDIR)/man$(patsubst .%,%,$(suffix $(page)))/$(notdir $(page)))

# A page about several functions is found by the name of each: FILE:PLACE, a link to FILE. A page's names are
# those of its NAME section (.Nm).
man_names = $(shell awk '/^\.Sh/ { inside = $$2 == "NAME" } inside && $$1 == ".Nm" { print $$2 }' $(1))
man_links = $(foreach name,$(filter-out $(basename $(notdir $(1))),$(call man_names,$(1))),$(notdir \
    $(1)):$(MANDIR)/man3/$(name).3)
INSTALL_LINKS = $(VMM_SONAME).$(VITRINE_MINOR):$(LIBDIR)/$(VMM_SONAME) $(VMM_SONAME):$(LIBDIR)/libvitrine.so \
    $(foreach page,$(filter %.3,$(MAN_PAGES)),$(call man_links,$(page)))

# The deepest first: those that are empty afterwards go as well.
INSTALL_OWN_DIRECTORIES := $(PARTSDIR)/guest/user $(PARTSDIR)/guest $(PARTSDIR) $(INCLUDEDIR)/vitrine/shared \
    $(INCLUDEDIR)/vitrine

.PHONY: install uninstall install-files
install: all
	+@$(MAKE) --no-print-directory KERNEL_DEBUG=1 debug-kernel
	+@$(MAKE) --no-print-directory install-files
	@echo "installed in $(DESTDIR)$(PREFIX); vitrine(1) and libvitrine(3) tell more"

# Of a path below the prefix the .pc file says so, for tools that move prefixes.
below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))

# The loader's list of libraries is brought up to date where that is ours to do.
install-files:
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VITRINE_MAJOR).$(VITRINE_MINOR)|' \
	    -e 's|@LIBDIR@|$(call below_prefix,$(LIBDIR))|' -e 's|@INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR))|' \
	    vmm/vitrine.pc.in >$(PC_FILE)
	@set -e; for entry in $(INSTALL_FILES); do mode=$${entry%%:*}; pair=$${entry#*:}; \
	    install -D -m $$mode "$${pair%%:*}" "$(DESTDIR)$${pair#*:}"; done
	@set -e; for entry in $(INSTALL_LINKS); do ln -sfn "$${entry%%:*}" "$(DESTDIR)$${entry#*:}"; done
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" -eq 0 ]; then case "$(PREFIX)" in /usr|/usr/local) ldconfig;; esac; fi

uninstall:
	@for entry in $(INSTALL_FILES) $(INSTALL_LINKS); do rm -f "$(DESTDIR)$${entry##*:}"; done
	@for directory in $(INSTALL_OWN_DIRECTORIES); do \
	    rmdir "$(DESTDIR)$$directory" 2>/dev/null || true; done
