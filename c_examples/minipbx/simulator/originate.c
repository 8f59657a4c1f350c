/*
 * Channels that ARI makes, and calls that come in.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "originate.h"

#include "ari_events.h"
#include "log.h"
#include "minipbx.h"
#include "stasis.h"

#include <stdlib.h>
#include <string.h>

#define CALLER "100"

struct channel *call_in(struct pbx *pbx, const char *extension, const char *context, const char *digits,
                        struct call_record *record)
{
    struct text name = {0};
    text_format(&name, "Mini/" CALLER "-%08lx", channel_name_serial(pbx));
    struct channel *channel = channel_new(pbx, text_string(&name), NULL);
    text_free(&name);
    if (channel == NULL) {
        return NULL;
    }
    channel->state = CHANNEL_RING;
    replace_string(&channel->caller_number, CALLER);
    channel_set_place(channel, context, extension, 1);
    channel->phone.digits = copy_string(digits);
    channel->record = record;
    call_line("call %s %s to %s@%s", channel->id, channel->name, extension, context);
    return channel_launch(channel, dialplan_run) ? channel : NULL;
}

static enum originate_result check(const struct pbx *pbx, const char *endpoint, const char *id, const char *other_id,
                                   bool *local)
{
    const char *slash = strchr(endpoint, '/');
    if (slash == NULL || slash[1] == '\0') {
        return ORIGINATE_INVALID;
    }
    *local = starts_ignoring_case(endpoint, "Local/");
    if (!*local && !starts_ignoring_case(endpoint, "Mini/")) {
        return ORIGINATE_UNKNOWN_TECHNOLOGY;
    }
    if ((id != NULL && channel_find(pbx, id) != NULL) || (other_id != NULL && channel_find(pbx, other_id) != NULL)) {
        return ORIGINATE_ID_IN_USE;
    }
    return ORIGINATE_OK;
}

/* For Local, the channel is said to be at the extension that is called. */
static void place_local(struct channel *channel, const char *dialled)
{
    const char *at = strchr(dialled, '@');
    char *extension = copy_bytes(dialled, at == NULL ? strlen(dialled) : (size_t)(at - dialled));
    char *context = copy_string(at == NULL ? "default" : at + 1);
    /* "exten@context/n": options, which mean nothing here. */
    context[strcspn(context, "/")] = '\0';
    channel_set_place(channel, context, extension, 1);
    free(context);
    free(extension);
}

enum originate_result originate_new(struct pbx *pbx, const char *endpoint, const char *id,
                                    const struct origination *want, struct channel **channel)
{
    bool local = false;
    struct text name = {0};
    struct text other_id = {0};
    enum originate_result result = check(pbx, endpoint, id, want->other_id, &local);
    if (result != ORIGINATE_OK) {
        return result;
    }
    const char *dialled = strchr(endpoint, '/') + 1;
    text_format(&name, "%s/%s-%08lx%s", local ? "Local" : "Mini", dialled, channel_name_serial(pbx), local ? ";1" : "");
    *channel = channel_new(pbx, text_string(&name), id);
    text_free(&name);
    if (*channel == NULL) {
        return ORIGINATE_FAILED;
    }
    struct origination *origination = &(*channel)->origination;
    if (want->other_id == NULL && id != NULL) {
        text_format(&other_id, "%s;2", id);
    }
    origination->dialled = copy_string(dialled);
    origination->local = local;
    origination->other_id = copy_string(want->other_id != NULL ? want->other_id : other_id.data);
    origination->deadline = want->deadline;
    origination->app = copy_string(want->app);
    origination->args = copy_string(want->args);
    origination->context = copy_string(want->context);
    origination->extension = copy_string(want->extension);
    origination->priority = want->priority;
    text_free(&other_id);
    if (local) {
        place_local(*channel, dialled);
    }
    return ORIGINATE_OK;
}

/* An application that makes a channel gets its events from the start, and those of the other end; all but
   ChannelCreated, as in Asterisk. */
static void subscribe(const struct channel *channel, const char *id)
{
    const char *app = channel->origination.app;
    struct application *application = app == NULL ? NULL : application_find(channel->pbx, app);
    if (application != NULL) {
        application_subscribe(application, id);
    }
}

/* The ";2" of a Local pair: a call into the dialplan, as from a phone. */
static bool dial_local(struct channel *channel)
{
    struct text name = {0};
    text_append(&name, channel->name, strlen(channel->name) - 1);
    text_add(&name, "2");
    struct channel *other = channel_new(channel->pbx, text_string(&name), channel->origination.other_id);
    text_free(&name);
    if (other == NULL) {
        return false;
    }
    other->state = CHANNEL_RING;
    place_local(other, channel->origination.dialled);
    other->other_end = channel;
    channel->other_end = other;
    call_line("call %s %s to %s", other->id, other->name, channel->origination.dialled);
    if (!channel_launch(other, dialplan_run)) {
        channel->other_end = NULL;
        return false;
    }
    subscribe(channel, other->id);
    return true;
}

bool originate_dial(struct channel *channel)
{
    struct origination *origination = &channel->origination;
    if (origination->dialled == NULL || origination->under_way) {
        return false;
    }
    origination->under_way = true;
    event_dial(channel, origination->dialled, "");
    if (origination->local) {
        return dial_local(channel);
    }
    if (strcmp(origination->dialled, "busy") == 0) {
        event_dial(channel, origination->dialled, "BUSY");
        channel_hangup(channel, CAUSE_BUSY, CAUSE_BUSY);
        return true;
    }
    channel_set_state(channel, CHANNEL_RINGING);
    if (strcmp(origination->dialled, "noanswer") != 0) {
        channel_answer(channel);
    }
    return true;
}

static void run_stasis(struct channel *channel)
{
    const struct origination *origination = &channel->origination;
    struct text data = {0};
    const char *args = origination->args == NULL ? "" : origination->args;
    text_format(&data, "%s%s%s", origination->app, *args == '\0' ? "" : ",", args);
    channel_set_app(channel, "Stasis", text_string(&data));
    text_free(&data);
    channel->jumped = false;
    stasis_run(channel, origination->app, args);
    /* `continue` with a place: the dialplan from there; otherwise there is nothing to go back to. */
    if (channel->jumped && !channel->hung_up) {
        dialplan_run(channel);
    }
}

static void originated_life(struct channel *channel)
{
    struct origination *origination = &channel->origination;
    if (!originate_dial(channel)) {
        return;
    }
    while (channel->state != CHANNEL_UP && !channel->hung_up && clock_now() < origination->deadline) {
        channel_wait(channel, origination->deadline);
    }
    if (channel->state != CHANNEL_UP) {
        if (!channel->hung_up) {
            event_dial(channel, origination->dialled, "NOANSWER");
        }
        channel_hangup(channel, CAUSE_NO_ANSWER, CAUSE_NO_ANSWER);
        return;
    }
    event_dial(channel, origination->dialled, "ANSWER");
    if (origination->app != NULL) {
        run_stasis(channel);
    } else {
        channel_set_place(channel, origination->context, origination->extension, origination->priority);
        dialplan_run(channel);
    }
}

static bool launch(struct channel *channel, void (*life)(struct channel *channel))
{
    call_line("call %s %s from ARI", channel->id, channel->name);
    if (!channel_launch(channel, life)) {
        return false;
    }
    subscribe(channel, channel->id);
    return true;
}

bool originate_launch(struct channel *channel)
{
    channel_set_app(channel, "AppDial2", "(Outgoing Line)");
    return launch(channel, originated_life);
}

bool originate_launch_created(struct channel *channel)
{
    return launch(channel, run_stasis);
}
