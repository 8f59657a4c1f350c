/*
 * Channels that ARI makes (POST channels, POST channels/create), and calls that come in from the console.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Endpoints: `Local/extension@context` is a pair of channels, ";1" for the application and ";2" that runs the
 * extension. `Mini/name` is a simulated phone that answers at once; `Mini/busy` is busy, `Mini/noanswer` just rings.
 */
#ifndef MINIPBX_ORIGINATE_H
#define MINIPBX_ORIGINATE_H

#include "channel.h"

/* A call from outside to an extension. `digits` and `record` may be NULL. NULL if it could not be placed. */
struct channel *call_in(struct pbx *pbx, const char *extension, const char *context, const char *digits,
                        struct call_record *record);

enum originate_result {
    ORIGINATE_OK,
    /* The endpoint has no slash, or nothing behind it. */
    ORIGINATE_INVALID,
    ORIGINATE_UNKNOWN_TECHNOLOGY,
    ORIGINATE_ID_IN_USE,
    ORIGINATE_FAILED
};

/* Makes the channel with what `want` says; its strings are copied. `id` may be NULL. */
enum originate_result originate_new(struct pbx *pbx, const char *endpoint, const char *id,
                                    const struct origination *want, struct channel **channel);
/* Starts its life: dial, wait for the answer, go on. Or, for channels/create, straight into Stasis. */
bool originate_launch(struct channel *channel);
bool originate_launch_created(struct channel *channel);
/* Calls the endpoint of a channel. False if it is called already, or cannot be. */
bool originate_dial(struct channel *channel);

#endif
