/*
 * What the host needs of any PBX. Whoever copies this folder writes these functions; minipbx has them in
 * simulator/callbacks.c, simulator/ari.c and simulator/channel.c.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HOST_PBX_H
#define HOST_PBX_H

#include "ariws.h"

#include <stdbool.h>

/* The PBX's own; the host never looks inside. */
struct pbx;
struct channel;

/*
 * The callbacks of the library, which ariws.h describes. `userdata` is the struct pbx that host_load was given. They
 * run on threads of the library, several at a time, or on a channel's own thread in ariws_stasis_start. They may take
 * any lock of the PBX and call any function of the library but ariws_load and ariws_unload.
 */
void pbx_log(void *userdata, int32_t level, const char *subject, const char *message);
/* Answers with host_answer, now or later. */
void pbx_ari_request(void *userdata, const ariws_request *request);
int32_t pbx_app_register(void *userdata, const char *app, int32_t subscribe_all);
void pbx_app_unregister(void *userdata, const char *app);
int32_t pbx_app_is_registered(void *userdata, const char *app);
int32_t pbx_context_create(void *userdata, const char *context, const char *app);
void pbx_context_destroy(void *userdata, const char *context);
void pbx_stasis_failed(void *userdata, const char *channel_id, const char *application);
void pbx_inbound_shutdown(void *userdata, const char *session_id);
int32_t pbx_expand(void *userdata, const char *channel_id, const char *expression, ariws_write_callback write,
                   void *write_data);
/* Asked only if the options have no config_directory. */
int32_t pbx_config_read(void *userdata, const char *name, ariws_write_callback write, void *write_data);
int32_t pbx_app_snapshot(void *userdata, const char *app, ariws_write_callback write, void *write_data);
void pbx_finalize(void *userdata);
void pbx_connection_state(void *userdata, const ariws_connection_state *state);

/* Both stay as they are while the channel is in host_stasis_start. */
const char *pbx_channel_id(const struct channel *channel);
const char *pbx_channel_name(const struct channel *channel);
/* The lock under which the channel's thread waits for something to happen to it. */
void pbx_channel_lock(struct channel *channel);
void pbx_channel_unlock(struct channel *channel);
/* The others are called with that lock. This one is for the channel's own thread: it releases the lock, serves the
   channel (media, timers), and returns when something has happened, or for nothing. */
void pbx_channel_wait(struct channel *channel);
/* Something has happened to it. */
void pbx_channel_wake(struct channel *channel);
bool pbx_channel_is_hung_up(const struct channel *channel);

#endif
