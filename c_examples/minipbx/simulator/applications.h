/*
 * The registry of Stasis applications: who gets the events of which.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A registration has an owner: the library, which registers the applications of its connections, or a websocket that
 * an application opened to the PBX ("inbound"). Whoever registers last has it.
 */
#ifndef MINIPBX_APPLICATIONS_H
#define MINIPBX_APPLICATIONS_H

#include "json.h"

struct pbx;
struct channel;

/* A channel that an application has subscribed to. */
struct subscription {
    struct subscription *next;
    char *channel_id;
};

struct application {
    struct application *next;
    char *name;
    /* Wants the events of every channel. */
    bool subscribe_all;
    /* Who has it: NULL for the library, else the id of an inbound session. */
    char *owner;
    struct subscription *subscriptions;
};

struct applications {
    struct application *first;
};

struct application *application_find(const struct pbx *pbx, const char *name);
/* Whether the events of the channel go to the application. */
bool application_wants(const struct application *application, const struct channel *channel);

/* Registers, or replaces the registration, which the owner before is told of; true if there was one. */
bool application_register(struct pbx *pbx, const char *name, bool subscribe_all, const char *owner);
/* Gives an event to whoever has it. */
void application_event(struct pbx *pbx, const struct application *application, const struct json *json);
/* Ends the registration if it is still that owner's; true if it was. */
bool application_unregister(struct pbx *pbx, const char *name, const char *owner);

void application_subscribe(struct application *application, const char *channel_id);
bool application_unsubscribe(struct application *application, const char *channel_id);
/* The channel is gone. */
void applications_forget_channel(struct pbx *pbx, const char *channel_id);

void application_json(const struct pbx *pbx, const struct application *application, struct json *json, const char *key);
void applications_free(struct applications *applications);

/* A websocket that an application opened. minipbx has no server; the console plays one. What matters is what a PBX with
   a server tells the library, so that `ari show sessions` lists both directions and an application that such a session
   took over comes back. */
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
