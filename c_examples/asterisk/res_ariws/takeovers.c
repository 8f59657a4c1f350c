/*
 * Applications that clients of Asterisk itself take over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include "asterisk/linkedlists.h"

/* An application that a client took over by connecting to Asterisk with its name. Asterisk deactivates the application
   when that client leaves, and tells nobody; but the client is served by a thread of its own, the one that took the
   application over, which ends with it. */
struct takeover {
    pthread_t thread;
    char session_id[32];
    AST_LIST_ENTRY(takeover) list;
};

static AST_LIST_HEAD_STATIC(takeovers, takeover);
static pthread_key_t takeover_key;
static int takeover_number;

static struct takeover *takeover_of_thread(void)
{
    struct takeover *takeover;

    AST_LIST_LOCK(&takeovers);
    AST_LIST_TRAVERSE_SAFE_BEGIN (&takeovers, takeover, list) {
        if (pthread_equal(takeover->thread, pthread_self())) {
            AST_LIST_REMOVE_CURRENT(list);
            break;
        }
    }
    AST_LIST_TRAVERSE_SAFE_END;
    AST_LIST_UNLOCK(&takeovers);
    return takeover;
}

/* A thread ends that took applications over. */
static void takeover_ended(void *value)
{
    struct takeover *takeover;

    while ((takeover = takeover_of_thread())) {
        /* The library registers what nobody has. */
        library.inbound_closed(instance, takeover->session_id);
        ast_free(takeover);
    }
}

int takeovers_create(void)
{
    if (pthread_key_create(&takeover_key, takeover_ended)) {
        ast_log(LOG_ERROR, "The process has no pthread key left\n");
        return -1;
    }
    return 0;
}

void takeovers_free(void)
{
    /* From here on no thread calls takeover_ended. */
    pthread_key_delete(takeover_key);
}

void takeovers_forget(void)
{
    struct takeover *takeover;

    AST_LIST_LOCK(&takeovers);
    while ((takeover = AST_LIST_REMOVE_HEAD(&takeovers, list))) {
        ast_free(takeover);
    }
    AST_LIST_UNLOCK(&takeovers);
}

void application_taken(struct application *application)
{
    struct takeover *takeover = ast_calloc(1, sizeof(*takeover));
    ariws_inbound inbound = ARIWS_INBOUND_INIT;

    ao2_lock(application);
    application_let_go(application);
    application->taken = 1;
    ao2_unlock(application);
    ast_log(LOG_NOTICE, "Stasis application %s is taken over by somebody who connected to Asterisk with its name\n",
            application->name);
    if (!takeover || pthread_setspecific(takeover_key, takeover)) {
        ast_free(takeover);
        ast_log(LOG_WARNING, "Stasis application %s stays theirs until this module is reloaded\n", application->name);
        return;
    }
    takeover->thread = pthread_self();
    snprintf(takeover->session_id, sizeof(takeover->session_id), "inbound-%d",
             ast_atomic_fetchadd_int(&takeover_number, 1) + 1);
    AST_LIST_LOCK(&takeovers);
    AST_LIST_INSERT_TAIL(&takeovers, takeover, list);
    AST_LIST_UNLOCK(&takeovers);
    inbound.session_id = takeover->session_id;
    inbound.apps = application->name;
    library.inbound_opened(instance, &inbound);
}
