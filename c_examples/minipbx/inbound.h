/*
 * Websockets that applications opened to the PBX ("inbound"), the other direction of what the library does.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * minipbx has no server; the console plays one. What matters is what a PBX with a server tells the library, so that
 * `ari show sessions` lists both directions and an application that an inbound session took over comes back.
 */
#ifndef MINIPBX_INBOUND_H
#define MINIPBX_INBOUND_H

#include <stdbool.h>

struct pbx;

struct inbound {
    struct inbound *next;
    char *id;
    /* Comma-separated. */
    char *apps;
};

/* These are not under the lock. `remote_address` may be NULL. */
bool inbound_open(struct pbx *pbx, const char *id, const char *remote_address, const char *apps);
bool inbound_close(struct pbx *pbx, const char *id);
void inbound_free(struct pbx *pbx);

#endif
