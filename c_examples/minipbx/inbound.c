/*
 * Websockets that applications opened to the PBX.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "inbound.h"

#include "events.h"
#include "log.h"
#include "pbx.h"

#include <stdlib.h>
#include <string.h>

/* A PBX with a server would write the event to the session's socket. */
static void deliver_to_session(struct pbx *pbx, const char *application, const char *json, size_t length)
{
    (void)pbx;
    call_line("inbound %s %.*s", application, (int)length, json);
}

/* The next name of a comma-separated list; NULL at its end. */
static char *next_app(char **list)
{
    while (*list != NULL) {
        char *app = *list;
        char *comma = strchr(app, ',');
        *list = comma == NULL ? NULL : comma + 1;
        if (comma != NULL) {
            *comma = '\0';
        }
        app = trim(app);
        if (*app != '\0') {
            return app;
        }
    }
    return NULL;
}

static void register_apps(struct pbx *pbx, const struct inbound *session)
{
    char *copy = copy_string(session->apps);
    char *list = copy;
    for (char *app = next_app(&list); app != NULL; app = next_app(&list)) {
        outbox_deliver replaced;
        application_register(pbx, app, false, session->id, deliver_to_session, &replaced);
        if (replaced != NULL) {
            /* Through the outbox, behind the events that the owner before still has to get. */
            event_application_replaced(pbx, replaced, app);
        }
    }
    free(copy);
}

bool inbound_open(struct pbx *pbx, const char *id, const char *remote_address, const char *apps)
{
    ariws_inbound inbound = ARIWS_INBOUND_INIT;
    inbound.session_id = id;
    inbound.remote_address = remote_address;
    inbound.apps = apps;
    /* The library checks that the id is new; only then the session counts. */
    int32_t result = pbx->library.inbound_opened(pbx->instance, &inbound);
    if (result != ARIWS_OK) {
        log_line(ARIWS_LOG_WARNING, id, "the library refused the session: %s", pbx->library.result_text(result));
        return false;
    }
    struct inbound *session = memory_get(1, sizeof *session);
    session->id = copy_string(id);
    session->apps = copy_string(apps == NULL ? "" : apps);
    pthread_mutex_lock(&pbx->lock);
    session->next = pbx->inbound;
    pbx->inbound = session;
    register_apps(pbx, session);
    pthread_mutex_unlock(&pbx->lock);
    return true;
}

bool inbound_close(struct pbx *pbx, const char *id)
{
    pthread_mutex_lock(&pbx->lock);
    struct inbound **at = &pbx->inbound;
    while (*at != NULL && strcmp((*at)->id, id) != 0) {
        at = &(*at)->next;
    }
    struct inbound *session = *at;
    if (session != NULL) {
        *at = session->next;
        char *list = session->apps;
        for (char *app = next_app(&list); app != NULL; app = next_app(&list)) {
            application_unregister(pbx, app, id);
        }
    }
    pthread_mutex_unlock(&pbx->lock);
    if (session == NULL) {
        return false;
    }
    /* After the applications are free: the library registers those anew that it had before. */
    pbx->library.inbound_closed(pbx->instance, id);
    free(session->id);
    free(session->apps);
    free(session);
    return true;
}

void inbound_free(struct pbx *pbx)
{
    while (pbx->inbound != NULL) {
        struct inbound *session = pbx->inbound;
        pbx->inbound = session->next;
        free(session->id);
        free(session->apps);
        free(session);
    }
}
