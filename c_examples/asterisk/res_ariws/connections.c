/*
 * How connections are doing: the function ARIWS(), device states and manager events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include "asterisk/app.h"
#include "asterisk/devicestate.h"
#include "asterisk/manager.h"
#include "asterisk/pbx.h"

#define PROVIDER "Ariws"

/* Cut to fit. */
static int32_t connection_value(const char *connection, const char *item, char *text, size_t size)
{
    struct ast_str *value = ast_str_create(64);
    int32_t result = value ? ARIWS_ERROR_UNLOADED : ARIWS_ERROR_SYSTEM;

    *text = '\0';
    if (value && !gate_enter()) {
        result = library.connection_value(instance, connection, item, take_text, &value);
        gate_leave();
        ast_copy_string(text, ast_str_buffer(value), size);
    }
    ast_free(value);
    return result;
}

/* ARIWS(connection[,item]) */
static int function_read(struct ast_channel *chan, const char *cmd, char *parse, char *buffer, size_t size)
{
    int32_t result;

    /* clang-format off */
    AST_DECLARE_APP_ARGS(args,
        AST_APP_ARG(connection);
        AST_APP_ARG(item);
    );
    /* clang-format on */

    AST_STANDARD_APP_ARGS(args, parse);
    result = connection_value(S_OR(args.connection, ""), S_OR(args.item, "state"), buffer, size);
    switch (result) {
    case ARIWS_OK:
        return 0;
    case ARIWS_ERROR_NOT_FOUND:
        ast_log(LOG_WARNING, "%s: there is no outbound websocket '%s'\n", cmd, args.connection);
        return -1;
    default:
        ast_log(LOG_WARNING, "%s(<connection>,state|since|server|queued|dropped): %s\n", cmd,
                library.result_text(result));
        return -1;
    }
}

static struct ast_custom_function function = {
    .name = "ARIWS",
    .synopsis = "How an ARI outbound websocket is doing",
    .syntax = "ARIWS(<connection>[,state|since|server|queued|dropped])",
    .desc = "state: up, down, stopped, or per-call for one of each call. since: when that began, in seconds since the\n"
            "epoch. server: address:port while it is up. queued, dropped: events that wait, and that were dropped.\n",
    .read = function_read,
};

/* Ariws:<connection>. Asterisk asks where it has no state that it was told of. */
static enum ast_device_state device_state(const char *connection)
{
    char state[16];

    if (connection_value(connection, "state", state, sizeof(state)) != ARIWS_OK) {
        return AST_DEVICE_INVALID;
    }
    if (!strcmp(state, "up")) {
        return AST_DEVICE_NOT_INUSE;
    }
    /* What a connection of a call will come to nobody knows before. */
    return strcmp(state, "per-call") ? AST_DEVICE_UNAVAILABLE : AST_DEVICE_UNKNOWN;
}

void on_connection_state(void *userdata, const ariws_connection_state *state)
{
    int up = state->state == ARIWS_STATE_UP;

    ast_devstate_changed(up ? AST_DEVICE_NOT_INUSE : AST_DEVICE_UNAVAILABLE, AST_DEVSTATE_CACHABLE, PROVIDER ":%s",
                         state->connection);
    manager_event(EVENT_FLAG_SYSTEM, "AriwsConnectionState",
                  "Connection: %s\r\n"
                  "State: %s\r\n"
                  "Server: %s\r\n"
                  "Reason: %s\r\n",
                  state->connection, up ? "Up" : "Down", state->server, state->reason);
}

int connections_register(void)
{
    return ast_custom_function_register(&function) || ast_devstate_prov_add(PROVIDER, device_state) ? -1 : 0;
}

void connections_unregister(void)
{
    ast_custom_function_unregister(&function);
    ast_devstate_prov_del(PROVIDER);
}
