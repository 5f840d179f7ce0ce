/* mk/lint_cppcheck.h - cppcheck's own definitions of signals would stand in the way of the kernel's. */
#undef SIGABRT
#undef SIGFPE
#undef SIGINT
#undef SIGKILL
#undef SIGSEGV
#undef SIGTERM
