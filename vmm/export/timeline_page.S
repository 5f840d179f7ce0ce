/*
 * vmm/export/timeline_page.S - the page of the timeline as it was put together from vmm/export/timeline/
 * (mk/vmm.mk), with a NUL behind it.
 */
    .section .rodata
    .globl timeline_page
    .hidden timeline_page
timeline_page:
    .incbin TIMELINE_PAGE
    .globl timeline_page_end
    .hidden timeline_page_end
timeline_page_end:
    .byte 0
    .section .note.GNU-stack, "", @progbits
