/*
 * What minipbx gives to the library: the table of callbacks.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_CALLBACKS_H
#define MINIPBX_CALLBACKS_H

#include "ariws.h"

struct pbx;

/* The table, with `pbx` as its userdata. */
ariws_host callbacks_table(struct pbx *pbx);

/* For ariws_load and ariws_reload: writes each entry to the log. */
void callbacks_report(void *data, const ariws_report_entry *entry);

#endif
