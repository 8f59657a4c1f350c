/*
 * What minipbx gives to the library: the table of callbacks.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_CALLBACKS_H
#define MINIPBX_CALLBACKS_H

#include "ariws.h"

#include <stdbool.h>

struct pbx;

/* The table, with `pbx` as its userdata. */
ariws_host callbacks_table(struct pbx *pbx);

/* What ariws_load and ariws_reload report, counted. */
struct report_counts {
    size_t entries;
    size_t refused;
    /* Each entry also goes to standard output. */
    bool shown;
};

/* `data` is a struct report_counts. */
void callbacks_report(void *data, const ariws_report_entry *entry);

#endif
