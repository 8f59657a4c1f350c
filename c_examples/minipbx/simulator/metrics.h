/*
 * The library's metrics over HTTP, for Prometheus.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_METRICS_H
#define MINIPBX_METRICS_H

#include <stdbool.h>

struct pbx;

/* Listens on 127.0.0.1, and says where on standard output; port 0 takes a free one. */
bool metrics_start(struct pbx *pbx, long port);
/* No request is under way afterwards; nothing if it was not started. */
void metrics_stop(void);

#endif
