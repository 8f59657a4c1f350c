/*
 * Stasis: a channel in the hands of an application.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_STASIS_H
#define MINIPBX_STASIS_H

#include <stdbool.h>
#include <stdint.h>

struct channel;

/* The dialplan application Stasis(app,args): returns when the channel has left, with STASISSTATUS set. */
void stasis_run(struct channel *channel, const char *app, const char *args);

/* The library's callback: the application's connection is lost for good. */
void stasis_failed(struct channel *channel, const char *application);

#endif
