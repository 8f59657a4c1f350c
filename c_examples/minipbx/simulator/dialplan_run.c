/*
 * Running the dialplan: the steps, and the applications that minipbx has.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "dialplan.h"

#include "ari_events.h"
#include "channel.h"
#include "log.h"
#include "minipbx.h"
#include "stasis.h"

#include "ariws.h"

#include <stdlib.h>
#include <string.h>

/* False ends the call. Each runs in the channel's thread. */
typedef bool (*dialplan_application)(struct channel *channel, char *data);

static void wait_until(struct channel *channel, int64_t deadline)
{
    while (!channel->hung_up && clock_now() < deadline) {
        channel_wait(channel, deadline);
    }
}

static bool run_answer(struct channel *channel, char *data)
{
    channel_answer(channel);
    return true;
}

static bool run_hangup(struct channel *channel, char *data)
{
    long cause;
    channel_hangup(channel, parse_number(data, 1, 127, &cause) ? (int)cause : CAUSE_NORMAL, CAUSE_NORMAL);
    return false;
}

static bool run_noop(struct channel *channel, char *data)
{
    return true;
}

/* Verbose([level,]text) */
static bool run_verbose(struct channel *channel, char *data)
{
    char *comma = strchr(data, ',');
    call_line("call %s says %s", channel->id, comma == NULL ? data : comma + 1);
    return true;
}

static bool run_wait(struct channel *channel, char *data)
{
    double seconds = strtod(data, NULL);
    if (seconds > 0 && seconds < 1e9) {
        wait_until(channel, clock_now() + (int64_t)(seconds * 1000));
    }
    return true;
}

static bool run_playback(struct channel *channel, char *data)
{
    channel_answer(channel);
    wait_until(channel, clock_now() + channel->pbx->settings.playback_ms);
    return true;
}

/* Set(name=value), Set(GLOBAL(name)=value) */
static bool run_set(struct channel *channel, char *data)
{
    char *value = strchr(data, '=');
    if (value == NULL) {
        log_line(ARIWS_LOG_WARNING, channel->id, "Set wants name=value, not \"%s\"", data);
        return true;
    }
    *value++ = '\0';
    size_t length = strlen(data);
    if (strncmp(data, "GLOBAL(", 7) == 0 && data[length - 1] == ')') {
        data[length - 1] = '\0';
        variables_set(&channel->pbx->globals, data + 7, value);
    } else {
        channel_set_variable(channel, data, value);
    }
    return true;
}

/* Stasis(app[,arg…]) */
static bool run_stasis(struct channel *channel, char *data)
{
    char *args = strchr(data, ',');
    if (args != NULL) {
        *args++ = '\0';
    }
    stasis_run(channel, trim(data), args == NULL ? "" : args);
    return true;
}

static dialplan_application find_application(const char *name)
{
    static const struct {
        const char *name;
        dialplan_application run;
    } applications[] = {{"Answer", run_answer}, {"Hangup", run_hangup},     {"NoOp", run_noop},
                        {"Set", run_set},       {"Playback", run_playback}, {"Stasis", run_stasis},
                        {"Wait", run_wait},     {"Verbose", run_verbose}};
    for (size_t i = 0; i < sizeof applications / sizeof applications[0]; i++) {
        if (equal_ignoring_case(name, applications[i].name)) {
            return applications[i].run;
        }
    }
    return NULL;
}

char *dialplan_expand(const struct channel *channel, const char *data)
{
    struct text text = {0};
    text_add(&text, "");
    while (*data != '\0') {
        const char *end = data[0] == '$' && data[1] == '{' ? strchr(data, '}') : NULL;
        if (end == NULL) {
            text_append(&text, data, 1);
            data++;
            continue;
        }
        char *name = copy_bytes(data + 2, (size_t)(end - data - 2));
        char *value = channel_get_variable(channel, name);
        const char *global = variables_get(&channel->pbx->globals, name);
        text_add(&text, value != NULL ? value : global != NULL ? global : "");
        free(value);
        free(name);
        data = end + 1;
    }
    return text.data;
}

/* Runs one step; false if there is none, or it ended the call. */
static bool run_step(struct channel *channel)
{
    const struct step *step =
        dialplan_find(&channel->pbx->dialplan, channel->context, channel->extension, channel->priority);
    if (step == NULL) {
        return false;
    }
    /* The library may destroy the context while the step runs, so nothing of it is used after this. */
    dialplan_application run = find_application(step->application);
    char *data = dialplan_expand(channel, step->data);
    channel_set_app(channel, step->application, data);
    event_channel_dialplan(channel);
    log_line(ARIWS_LOG_DEBUG, channel->id, "%s@%s:%d %s(%s)", channel->extension, channel->context, channel->priority,
             step->application, data);
    if (run == NULL) {
        log_line(ARIWS_LOG_WARNING, channel->id, "minipbx has no application %s", step->application);
    }
    bool go_on = run != NULL && run(channel, data);
    free(data);
    return go_on;
}

static void run_steps(struct channel *channel, bool even_hung_up)
{
    channel->jumped = false;
    while ((even_hung_up || !channel->hung_up) && run_step(channel)) {
        if (!channel->jumped) {
            channel->priority++;
        }
        channel->jumped = false;
    }
}

void dialplan_run(struct channel *channel)
{
    if (dialplan_find(&channel->pbx->dialplan, channel->context, channel->extension, channel->priority) == NULL) {
        log_line(ARIWS_LOG_WARNING, channel->id, "no %s@%s:%d in the dialplan", channel->extension, channel->context,
                 channel->priority);
    }
    run_steps(channel, false);
    if (!channel->hung_up) {
        channel->hung_up = true;
        channel->cause = CAUSE_NORMAL;
    }
    /* As in Asterisk, extension h runs when the call is over; a pattern such as `_.` fits it too. */
    if (dialplan_find(&channel->pbx->dialplan, channel->context, "h", 1) != NULL) {
        channel_set_place(channel, channel->context, "h", 1);
        run_steps(channel, true);
    }
    event_channel_hangup_request(channel, channel->cause);
}
