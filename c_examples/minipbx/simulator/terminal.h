/*
 * Reading lines: from a terminal with editing and the Tab key, from anything else as they come.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_TERMINAL_H
#define MINIPBX_TERMINAL_H

#include "text.h"

struct pbx;

/* The next line, to be freed by the caller; NULL at the end of the input or when a signal came. */
char *terminal_read_line(struct pbx *pbx, const char *prompt);
#endif
