/*
 * The registrations of applications in Asterisk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#define HANDLER_SECONDS 5

static struct ao2_container *applications;

/* A registration by ourselves is under way on this thread. */
static __thread int registering;

/* Registrations that Asterisk still has a reference to, for a call of our handler perhaps. */
static int registrations;
AST_MUTEX_DEFINE_STATIC(registrations_lock);
static ast_cond_t registrations_gone = PTHREAD_COND_INITIALIZER;

AO2_STRING_FIELD_HASH_FN(application, name)
AO2_STRING_FIELD_SORT_FN(application, name)
AO2_STRING_FIELD_CMP_FN(application, name)

static void application_destroy(void *object)
{
    ast_mutex_lock(&registrations_lock);
    if (!--registrations) {
        ast_cond_signal(&registrations_gone);
    }
    ast_mutex_unlock(&registrations_lock);
}

struct application *application_create(const char *name)
{
    struct application *application = ao2_alloc(sizeof(*application) + strlen(name) + 1, application_destroy);

    if (application) {
        strcpy(application->name, name); /* Safe */
        ast_mutex_lock(&registrations_lock);
        registrations++;
        ast_mutex_unlock(&registrations_lock);
    }
    return application;
}

int applications_create(void)
{
    applications = ao2_container_alloc_hash(AO2_ALLOC_OPT_LOCK_MUTEX, AO2_CONTAINER_ALLOC_OPT_DUPS_REPLACE, 127,
                                            application_hash_fn, application_sort_fn, application_cmp_fn);
    return applications ? 0 : -1;
}

void applications_free(void)
{
    ao2_cleanup(applications);
    applications = NULL;
}

int applications_left(void)
{
    struct timespec deadline = deadline_after(HANDLER_SECONDS);
    int left;

    ao2_callback(applications, OBJ_UNLINK | OBJ_NODATA | OBJ_MULTIPLE, NULL, NULL);
    ast_mutex_lock(&registrations_lock);
    while (registrations && !ast_cond_timedwait(&registrations_gone, &registrations_lock, &deadline)) {
    }
    left = !registrations;
    ast_mutex_unlock(&registrations_lock);
    return left;
}

void application_replaced(struct application *application)
{
    if (!registering) {
        application_taken(application);
    }
}

static int application_exists(const char *name)
{
    struct stasis_app *app = stasis_app_get_by_name(name);

    ao2_cleanup(app);
    return app != NULL;
}

/* How often an application is registered over a client that is leaving at that moment: Asterisk tells the client first,
   finds it gone, and leaves the application to nobody. */
#define REGISTER_ATTEMPTS 10

static int application_register(struct application *application)
{
    const char *name = application->name;
    int attempt;

    for (attempt = 0; attempt < REGISTER_ATTEMPTS; attempt++) {
        unsigned int first = mailbox_latest();
        int failed;
        int done;

        registering = 1;
        /* Not stasis_app_register_all: that subscribes with Asterisk's list of applications locked, and waits there for
           whoever unsubscribes one from all devices, who waits for a device's state that is on its way to that one, and
           has to be looked up in that list. */
        failed = stasis_app_register(name, application_event, application);
        registering = 0;
        if (failed) {
            return -1;
        }
        application_quieten(application, first);
        ao2_lock(application);
        /* A client may have taken it already. */
        done = application->taken;
        ao2_unlock(application);
        if (done || application_holder(name, application) == US) {
            return 0;
        }
    }
    return -1;
}

int32_t on_app_register(void *userdata, const char *name, int32_t subscribe_all)
{
    struct application *former = ao2_find(applications, name, OBJ_SEARCH_KEY);
    enum holder holder = application_holder(name, former);
    int replaced = former ? holder == US : holder != NOBODY;
    int known = application_exists(name);
    struct application *application = application_create(name);
    int has_context = !known && context_release(name);
    int failed;

    if (application && holder == US) {
        application->bridges = former->bridges;
    }
    ao2_cleanup(former);
    failed = !application || application_register(application);
    if (has_context) {
        context_restore(name);
    }
    if (!failed && !ao2_link(applications, application)) {
        ao2_lock(application);
        application_let_go(application);
        ao2_unlock(application);
        stasis_app_unregister(name);
        failed = 1;
    }
    ao2_cleanup(application);
    if (failed) {
        ast_log(LOG_ERROR, "Asterisk does not register Stasis application %s\n", name);
        return ARIWS_HOST_FAILED;
    }
    if (known || subscribe_all) {
        application_set_scope(name, subscribe_all);
    }
    return replaced ? ARIWS_APP_REPLACED : ARIWS_APP_REGISTERED;
}

void on_app_unregister(void *userdata, const char *name)
{
    struct application *application = ao2_find(applications, name, OBJ_SEARCH_KEY | OBJ_UNLINK);

    if (!application) {
        return;
    }
    calls_wait_entered(name);
    /* Asterisk tells us of a client that takes it over before it gives it to that client, on whose thread
       application_taken waits for this lock: what is not taken now is not the client's before it is unregistered.
       (Between the client's first look for the application and that, Asterisk may find it unregistered, and leaves the
       client without it: that is so between any two that register and unregister one name.) */
    ao2_lock(application);
    if (!application->taken && application_holder(name, application) == US) {
        /* Older versions keep an application for its subscriptions to everything, and would take it for registered. */
        application_set_scope(name, 0);
        application_let_go(application);
        stasis_app_unregister(name);
    }
    ao2_unlock(application);
    ao2_ref(application, -1);
}

int32_t on_app_is_registered(void *userdata, const char *name)
{
    struct application *application = ao2_find(applications, name, OBJ_SEARCH_KEY);
    int registered = application_holder(name, application) != NOBODY;

    ao2_cleanup(application);
    return registered;
}
