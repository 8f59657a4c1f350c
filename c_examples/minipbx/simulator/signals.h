/*
 * SIGINT and SIGTERM: an orderly end.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The library touches no signal and its threads block all of them, so signals are the PBX's own business: here one
 * thread waits for them.
 */
#ifndef MINIPBX_SIGNALS_H
#define MINIPBX_SIGNALS_H

#include <stdbool.h>

struct pbx;

/* Before the first thread starts: they all inherit the mask. */
void signals_block(void);
bool signals_start(struct pbx *pbx);
void signals_stop(void);
/* Readable once a signal has come. */
int signals_descriptor(void);

#endif
