/*
 * Channels, their phones, and what host/pbx.h asks of them.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "channel.h"

#include "ari_events.h"
#include "log.h"
#include "minipbx.h"
#include "playback.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the thread of a channel gets. */
struct launch {
    struct channel *channel;
    void (*life)(struct channel *channel);
};

unsigned long channel_name_serial(struct pbx *pbx)
{
    return pbx->name_serial++;
}

struct channel *channel_new(struct pbx *pbx, const char *name, const char *id)
{
    char unique[48];
    if (pbx->stopping || (id != NULL && channel_find(pbx, id) != NULL)) {
        return NULL;
    }
    if (id == NULL) {
        snprintf(unique, sizeof unique, "%lld.%lu", (long long)time(NULL), pbx->id_serial++);
        id = unique;
    }
    struct channel *channel = memory_get(1, sizeof *channel);
    channel->pbx = pbx;
    channel->id = copy_string(id);
    channel->name = copy_string(name);
    clock_timestamp(channel->created);
    clock_condition_init(&channel->changed);
    channel->caller_name = copy_string("");
    channel->caller_number = copy_string("");
    channel->answered_at = CLOCK_NEVER;
    channel->origination.deadline = CLOCK_NEVER;
    channel->played_at = CLOCK_NEVER;
    channel->phone.next_at = CLOCK_NEVER;
    channel_set_place(channel, "default", "s", 1);
    channel->jumped = false;
    channel_set_app(channel, "", "");
    return channel;
}

static void channel_free(struct channel *channel)
{
    playbacks_free(channel);
    variables_free(&channel->variables);
    pthread_cond_destroy(&channel->changed);
    const struct origination *from = &channel->origination;
    char *strings[] = {
        channel->id,        channel->name,         channel->caller_name, channel->caller_number, channel->context,
        channel->extension, channel->app_name,     channel->app_data,    channel->move_app,      channel->application,
        channel->move_args, channel->phone.digits, from->dialled,        from->other_id,         from->app,
        from->args,         from->context,         from->extension};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        free(strings[i]);
    }
    free(channel->failed_application);
    free(channel);
}

/* The last that is heard of a channel. */
static void channel_end(struct channel *channel)
{
    struct pbx *pbx = channel->pbx;
    /* Whoever holds a pointer to it does so under the lock, or is the other end. */
    if (channel->other_end != NULL) {
        channel_hangup(channel->other_end, channel->cause, channel->cause);
        channel->other_end->other_end = NULL;
    }
    event_channel_destroyed(channel);
    call_line("call %s ended, cause %d", channel->id, channel->cause);
    applications_forget_channel(pbx, channel->id);
    if (channel->record != NULL) {
        const char *status = variables_get(&channel->variables, "STASISSTATUS");
        channel->record->success = status != NULL && strcmp(status, "SUCCESS") == 0;
        channel->record->ended_us = clock_now_us();
        channel->record->ended = true;
        ++*channel->record->ended_count;
    }
    struct channel **at = &pbx->channels;
    while (*at != channel) {
        at = &(*at)->next;
    }
    *at = channel->next;
    pbx->channel_count--;
    pthread_cond_broadcast(&pbx->changed);
    channel_free(channel);
}

static void channel_main(struct pbx *pbx, void *argument)
{
    struct launch *launch = argument;
    pthread_mutex_lock(&pbx->lock);
    launch->life(launch->channel);
    if (!launch->channel->hung_up) {
        launch->channel->hung_up = true;
        launch->channel->cause = CAUSE_NORMAL;
    }
    channel_end(launch->channel);
    pthread_mutex_unlock(&pbx->lock);
    free(launch);
}

bool channel_launch(struct channel *channel, void (*life)(struct channel *channel))
{
    struct pbx *pbx = channel->pbx;
    struct launch *launch = memory_get(1, sizeof *launch);
    launch->channel = channel;
    launch->life = life;
    /* At the end of the list: `show channels` and GET channels have the oldest first. */
    struct channel **at = &pbx->channels;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = channel;
    if (!threads_start(pbx, channel_main, launch)) {
        log_line(ARIWS_LOG_ERROR, channel->id, "no thread for the channel");
        *at = NULL;
        free(launch);
        channel_free(channel);
        return false;
    }
    pbx->channel_count++;
    event_channel_created(channel);
    pthread_cond_broadcast(&pbx->changed);
    return true;
}

struct channel *channel_find(const struct pbx *pbx, const char *id)
{
    struct channel *channel = pbx->channels;
    while (channel != NULL && strcmp(channel->id, id) != 0) {
        channel = channel->next;
    }
    return channel;
}

struct channel *channel_named(const struct pbx *pbx, const char *name)
{
    struct channel *channel = channel_find(pbx, name);
    if (channel == NULL) {
        for (channel = pbx->channels; channel != NULL && strcmp(channel->name, name) != 0; channel = channel->next) {
        }
    }
    return channel;
}

void channel_changed(struct channel *channel)
{
    pthread_cond_broadcast(&channel->changed);
}

void channel_set_state(struct channel *channel, enum channel_state state)
{
    if (channel->state == state) {
        return;
    }
    channel->state = state;
    if (state == CHANNEL_UP) {
        channel->answered_at = clock_now();
    }
    event_channel_state(channel);
    call_line("call %s is %s", channel->id, channel_state_name(state));
    channel_changed(channel);
}

void channel_answer(struct channel *channel)
{
    channel_set_state(channel, CHANNEL_UP);
    if (channel->other_end != NULL && channel->other_end->origination.under_way) {
        channel_set_state(channel->other_end, CHANNEL_UP);
    }
}

void channel_hangup(struct channel *channel, int cause, int reported)
{
    if (channel->hung_up) {
        return;
    }
    channel->hung_up = true;
    channel->cause = cause;
    event_channel_hangup_request(channel, reported);
    channel_changed(channel);
    if (channel->phase == STASIS_STARTING && channel->pbx->settings.blocking_start) {
        /* Its thread is inside ariws_stasis_start and sees nothing of this: the library has to let it go. */
        host_cancel(&channel->pbx->host, channel->id);
    }
    if (channel->other_end != NULL) {
        channel_hangup(channel->other_end, cause, cause);
    }
}

void channel_set_place(struct channel *channel, const char *context, const char *extension, int priority)
{
    replace_string(&channel->context, context);
    replace_string(&channel->extension, extension);
    channel->priority = priority;
    channel->jumped = true;
}

void channel_set_app(struct channel *channel, const char *name, const char *data)
{
    replace_string(&channel->app_name, name);
    replace_string(&channel->app_data, data);
}

void channel_set_variable(struct channel *channel, const char *name, const char *value)
{
    variables_set(&channel->variables, name, value);
    event_channel_varset(channel, name, value);
}

char *channel_get_variable(const struct channel *channel, const char *name)
{
    struct text priority = {0};
    const char *value = variables_get(&channel->variables, name);
    if (value == NULL && strcmp(name, "PRIORITY") == 0) {
        text_format(&priority, "%d", channel->priority);
        return priority.data;
    }
    if (value == NULL) {
        const char *built_in[][2] = {{"CHANNEL", channel->name},
                                     {"CONTEXT", channel->context},
                                     {"EXTEN", channel->extension},
                                     {"UNIQUEID", channel->id},
                                     {"CALLERID(num)", channel->caller_number},
                                     {"CALLERID(name)", channel->caller_name}};
        for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++) {
            if (strcmp(name, built_in[i][0]) == 0) {
                value = built_in[i][1];
            }
        }
    }
    return copy_string(value);
}

void channel_wait(struct channel *channel, int64_t deadline)
{
    int64_t digit_at = phone_due(channel);
    clock_wait(&channel->changed, &channel->pbx->lock, digit_at < deadline ? digit_at : deadline);
    phone_press_due(channel);
}

const char *channel_state_name(enum channel_state state)
{
    static const char *const names[] = {"Down", "Ring", "Ringing", "Up"};
    return names[state];
}

static void party_json(struct json *json, const char *key, const char *name, const char *number)
{
    json_open(json, key, '{');
    json_string(json, "name", name);
    json_string(json, "number", number);
    json_close(json, '}');
}

void channel_json(const struct channel *channel, struct json *json, const char *key)
{
    json_open(json, key, '{');
    json_string(json, "id", channel->id);
    json_string(json, "name", channel->name);
    json_string(json, "state", channel_state_name(channel->state));
    json_string(json, "protocol_id", "");
    party_json(json, "caller", channel->caller_name, channel->caller_number);
    party_json(json, "connected", "", "");
    json_string(json, "accountcode", "");
    json_open(json, "dialplan", '{');
    json_string(json, "context", channel->context);
    json_string(json, "exten", channel->extension);
    json_integer(json, "priority", channel->priority);
    json_string(json, "app_name", channel->app_name);
    json_string(json, "app_data", channel->app_data);
    json_close(json, '}');
    json_string(json, "creationtime", channel->created);
    json_string(json, "language", "en");
    json_close(json, '}');
}

const char *pbx_channel_id(const struct channel *channel)
{
    return channel->id;
}

const char *pbx_channel_name(const struct channel *channel)
{
    return channel->name;
}

void pbx_channel_lock(struct channel *channel)
{
    pthread_mutex_lock(&channel->pbx->lock);
}

void pbx_channel_unlock(struct channel *channel)
{
    pthread_mutex_unlock(&channel->pbx->lock);
}

void pbx_channel_wait(struct channel *channel)
{
    channel_wait(channel, CLOCK_NEVER);
}

void pbx_channel_wake(struct channel *channel)
{
    channel_changed(channel);
}

bool pbx_channel_is_hung_up(const struct channel *channel)
{
    return channel->hung_up;
}

bool phone_digits_valid(const char *digits)
{
    return *digits != '\0' && strspn(digits, "0123456789*#ABCDabcd") == strlen(digits);
}

int64_t phone_due(const struct channel *channel)
{
    const struct phone *phone = &channel->phone;
    if (phone->digits == NULL || phone->digits[phone->pressed] == '\0' || channel->hung_up) {
        return CLOCK_NEVER;
    }
    if (phone->next_at != CLOCK_NEVER) {
        return phone->next_at;
    }
    if (channel->played_at != CLOCK_NEVER) {
        return channel->played_at + PHONE_DIGIT_MS;
    }
    if (channel->answered_at != CLOCK_NEVER && channel->playbacks == NULL) {
        return channel->answered_at + PHONE_PATIENCE_MS;
    }
    return CLOCK_NEVER;
}

void phone_press_due(struct channel *channel)
{
    struct phone *phone = &channel->phone;
    while (phone_due(channel) <= clock_now()) {
        char digit[2] = {phone->digits[phone->pressed++], '\0'};
        phone->next_at = clock_now() + PHONE_DIGIT_MS;
        call_line("call %s presses %s", channel->id, digit);
        event_channel_dtmf(channel, digit);
    }
}
