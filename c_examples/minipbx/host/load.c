/*
 * ariws_load with the table of callbacks, and ariws_unload.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>

void host_log(const struct host *host, int32_t level, const char *subject, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    pbx_log(host->pbx, level, subject, message);
}

/* The library logs each entry, too: a host needs the report only for what it wants to answer at once. */
static void count_refused(void *data, const ariws_report_entry *entry)
{
    size_t *refused = data;
    *refused += entry->kind == ARIWS_REPORT_REFUSED ? 1 : 0;
}

bool host_load(struct host *host, const ariws_options *options)
{
    char message[512] = "";
    size_t refused = 0;
    ariws_host table = ARIWS_HOST_INIT;
    table.userdata = host->pbx;
    table.log = pbx_log;
    table.ari_request = pbx_ari_request;
    table.app_register = pbx_app_register;
    table.app_unregister = pbx_app_unregister;
    table.app_is_registered = pbx_app_is_registered;
    table.context_create = pbx_context_create;
    table.context_destroy = pbx_context_destroy;
    table.stasis_failed = pbx_stasis_failed;
    table.inbound_shutdown = pbx_inbound_shutdown;
    table.expand = pbx_expand;
    /* Without a folder the library asks for the texts. */
    table.config_read = options->config_directory == NULL ? pbx_config_read : NULL;
    table.app_snapshot = pbx_app_snapshot;
    table.finalize = pbx_finalize;
    table.connection_state = pbx_connection_state;
    if (!host_events_start(host)) {
        return false;
    }
    /* Callbacks run before this returns, on other threads: so the handle is written straight to where they look. */
    int32_t result =
        host->library.load(&table, options, count_refused, &refused, &host->instance, message, sizeof message);
    if (result != ARIWS_OK) {
        host_log(host, ARIWS_LOG_ERROR, "", "cannot load: %s: %s", host->library.result_text(result), message);
        host_events_stop(host);
        return false;
    }
    host_log(host, ARIWS_LOG_INFO, "", "ariws %s loaded, %zu objects refused", host->library.version(), refused);
    return true;
}

bool host_unload(struct host *host, uint32_t grace_ms)
{
    /* The last events must be with the library before it unloads, for it takes no new ones then. */
    host_events_flush(host);
    int32_t result = host->library.unload(host->instance, grace_ms);
    if (result != ARIWS_OK) {
        host_log(host, ARIWS_LOG_ERROR, "", "cannot unload: %s", host->library.result_text(result));
    }
    host_events_stop(host);
    return result == ARIWS_OK;
}
