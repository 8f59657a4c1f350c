/*
 * What the parts of the module offer each other, a section for each file. res_ariws.c puts them together.
 *
 * No part holds a lock of its own while it calls the library. Functions whose names begin with on_ are the library's
 * callbacks: ariws.h says what they are for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef RES_ARIWS_PARTS_H
#define RES_ARIWS_PARTS_H

/* Asterisk's macros want both in every file of a module. */
#ifndef AST_MODULE
#define AST_MODULE "res_ariws"
#endif
#ifndef AST_MODULE_SELF_SYM
#define AST_MODULE_SELF_SYM __internal_res_ariws_self
#endif

#include "asterisk.h"

#include "asterisk/ari.h"
#include "asterisk/astobj2.h"
#include "asterisk/channel.h"
#include "asterisk/json.h"
#include "asterisk/lock.h"
#include "asterisk/logger.h"
#include "asterisk/module.h"
#include "asterisk/stasis_app.h"
#include "asterisk/strings.h"
#include "asterisk/utils.h"

#include "ariws.h"

/* ---- library.c: libariws, loaded at run time -------------------------------------------------------------------- */

#define LIBRARY_FUNCTION(name) ariws_##name##_function name;
/* The library's functions: library.version() is ariws_version(). */
struct library {
    void *handle;
    ARIWS_FUNCTIONS(LIBRARY_FUNCTION)
};

extern struct library library;

/* Written by ariws_load before the first callback, constant from then on: a call after ariws_unload finds a dead
   handle. */
extern ariws_instance *instance;

/* 0, or -1 and an error in the log. */
int library_open(void);

/* Appends what the library writes to a struct ast_str *. */
void take_text(void *data, const char *text, size_t length);

/* ---- gate.c: who is inside -------------------------------------------------------------------------------------- */

/* How long an unloading, or that of an application, waits for those who are on their way. */
#define LEAVE_SECONDS 2

struct timespec deadline_after(int seconds);

/* For threads of Asterisk's and the library's. 0, and gate_leave has to follow; -1 if the module is being unloaded. */
int gate_enter(void);
void gate_leave(void);

/* The same for channels that run Stasis(), which are let in until nothing keeps the module any more. */
int gate_enter_channel(void);
void gate_leave_channel(void);

void gate_open(void);

/* Waits until no thread is inside, and closes the gate; -1 and a word in the log if one stays, or a channel is there or
   comes. */
int gate_close(void);

/* ---- json_text.c: JSON as text ---------------------------------------------------------------------------------- */

/* The text of an object or an array and its length; NULL of anything else, and if there is no memory. ast_free releases
   it. */
char *json_text(struct ast_json *json, size_t *length);

/* ---- channels.c: channels in Stasis, and which application they are in ------------------------------------------ */

/* A channel that runs our Stasis(). */
struct call;

int calls_create(void);
void calls_free(void);

/* Begins on the thread that runs Stasis(); NULL if there is no memory, else call_leave ends it. */
struct call *call_enter(const char *channel_id, const char *application, int has_dialplan);
void call_leave(struct call *call);

/* The connection of its application was lost while it was entering. */
int call_is_doomed(struct call *call);

/* It was made to leave because its connection was lost. For the thread that runs it. */
int call_has_failed(const struct call *call);

/* Calls `each` for every channel that is in the application. */
void calls_in(const char *application, void (*each)(const char *application, const char *channel_id));

/* Waits until no channel is on its way into the application. */
void calls_wait_entered(const char *application);

/* What an event of this type, which an application gets, says of where a channel is. */
void channel_event(const char *application, const char *type, const char *channel_id);

void on_stasis_failed(void *userdata, const char *channel_id, const char *application);

/* ---- subscriptions.c: what an application hears ----------------------------------------------------------------- */

/* Whether Asterisk has moved the channel to another application, and the event has not come here. */
int channel_was_moved(const char *application, const char *channel_id);

/* Everything, or the channels that are in it. */
void application_set_scope(const char *name, int subscribe_all);

int32_t on_app_snapshot(void *userdata, const char *app, ariws_write_callback write, void *write_data);

/* ---- applications.c: the registrations of applications ---------------------------------------------------------- */

/* A registration of ours; the data of Asterisk's handler. An ao2 object. */
struct application {
    /* Somebody else has registered it since. */
    int taken;
    /* The number in the name of the mailbox of Asterisk's subscription of it to all bridges; 0 if that is not known. */
    unsigned int bridges;
    char name[0];
};

int applications_create(void);
void applications_free(void);

/* Waits until no thread of Asterisk's can be in our handler any more: whether that has come. */
int applications_left(void);

struct application *application_create(const char *name);

/* ApplicationReplaced: it is registered anew, by ourselves or by somebody else. */
void application_replaced(struct application *application);

int32_t on_app_register(void *userdata, const char *name, int32_t subscribe_all);
void on_app_unregister(void *userdata, const char *name);
int32_t on_app_is_registered(void *userdata, const char *name);

/* ---- events.c: Asterisk's handler of events --------------------------------------------------------------------- */

/* `data` is a struct application. */
void application_event(void *data, const char *name, struct ast_json *event);

/* ---- holders.c: who has an application -------------------------------------------------------------------------- */

enum holder {
    NOBODY,
    US,
    SOMEBODY,
};

/* Finds out where Asterisk has the handler of an application. */
void holders_learn(void);
int holders_are_known(void);

/* `ours` may be NULL. */
enum holder application_holder(const char *name, struct application *ours);

/* The same, with Asterisk's object locked. */
enum holder app_holder(struct stasis_app *app, struct application *ours);

/* ---- bridge_subscriptions.c: applications do not wake each other ------------------------------------------------ */

/* The number of the latest mailbox; for application_quieten. */
unsigned int mailbox_latest(void);

/* Asterisk's messages of other applications are kept from one that was just registered, when `first` was the number of
   the latest mailbox. */
void application_quieten(struct application *application, unsigned int first);

/* With the application locked: it is about to be unregistered, or somebody else's. */
void application_let_go(struct application *application);

/* ---- takeovers.c: applications that clients of Asterisk itself take over ---------------------------------------- */

int takeovers_create(void);
void takeovers_free(void);
void takeovers_forget(void);

/* Asterisk registers it for somebody else as soon as this returns, on the same thread. */
void application_taken(struct application *application);

/* ---- requests.c: requests of applications ----------------------------------------------------------------------- */

void on_ari_request(void *userdata, const ariws_request *request);

/* ---- request_limits.c: which requests Asterisk is spared -------------------------------------------------------- */

/* Refuses what Asterisk would not survive, or what would have rights that it must not have; -1 if it did. */
int request_refuse(const ariws_request *request, struct ast_json *body, struct ast_ari_response *response);

/* ---- contexts.c: dialplan contexts ------------------------------------------------------------------------------ */

int32_t on_context_create(void *userdata, const char *name, const char *app);
void on_context_destroy(void *userdata, const char *name);

/* Asterisk makes a context for an application that it does not have yet, and warns of one that is there: it gets the
   place of ours for the moment of a registration. Gives whether there was one, which context_restore makes again. */
int context_release(const char *app);
void context_restore(const char *app);

/* ---- stasis.c: the dialplan application Stasis() ---------------------------------------------------------------- */

int stasis_register(void);
void stasis_unregister(void);

int32_t on_expand(void *userdata, const char *channel_id, const char *expression, ariws_write_callback write,
                  void *write_data);

/* ---- waiting.c: a channel while its connection is being made ---------------------------------------------------- */

/* Serves the channel until there is something to read from `event`; -1 if the channel is to leave first. */
int channel_wait(struct ast_channel *chan, int event);

/* ---- connections.c: how connections are doing, for dialplan, device states and managers ------------------------- */

int connections_register(void);
void connections_unregister(void);

void on_connection_state(void *userdata, const ariws_connection_state *state);

/* ---- commands.c: the command line ------------------------------------------------------------------------------- */

/* Whether Asterisk has outbound websockets of its own, and so commands with the same words. */
extern int native;
void native_find(void);

int commands_register(void);
void commands_unregister(void);

/* ---- metrics.c: metrics over HTTP ------------------------------------------------------------------------------- */

int metrics_register(void);
void metrics_unregister(void);

/* What the addresses of Asterisk's HTTP server begin with, while ours is registered. */
const char *metrics_prefix(void);

/* ---- users.c: ari.conf and ari_outbound.conf, as Asterisk reads them -------------------------------------------- */

/* Whether the request has the name and password of a user of ARI. */
int is_ari_user(struct ast_variable *headers);

/* Whether ari.conf has connections that both Asterisk and the library would make; the log says so. */
int ari_conf_is_native(void);

void users_forget(void);

/* ---- configuration.c: configuration in databases ---------------------------------------------------------------- */

int32_t on_config_read(void *userdata, const char *name, ariws_write_callback write, void *write_data);

#endif
