/*
 * Who has an application. Asterisk keeps one whose owner has gone as long as it has subscriptions, and the functions
 * that tell whether there is one do not tell whether anybody has it. What tells is the handler in Asterisk's object,
 * NULL if nobody has it, and the handler's data. Where the two are is found out with an application of our own, and
 * looked at under the object's lock, as Asterisk does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#define PROBE "res_ariws-probe"

/* Where the handler is in Asterisk's object, counted in pointers, the data behind it. 0 if that is not known: then
   every application that is there is taken for one that somebody has. */
static size_t handler_place;

static void *pointer_at(struct stasis_app *app, size_t place)
{
    void *pointer;

    memcpy(&pointer, (char *)app + place * sizeof(pointer), sizeof(pointer));
    return pointer;
}

static size_t handler_find(struct stasis_app *app, void *handler, void *data)
{
    /* The name is the object's last member. */
    size_t end = (stasis_app_name(app) - (char *)app) / sizeof(void *);
    size_t place;
    size_t found = 0;

    for (place = 1; end < 100 && place + 1 < end; place++) {
        if (pointer_at(app, place) == handler && pointer_at(app, place + 1) == data) {
            /* Once, or it is not known which. */
            if (found) {
                return 0;
            }
            found = place;
        }
    }
    return found;
}

enum holder app_holder(struct stasis_app *app, struct application *ours)
{
    if (!handler_place) {
        return ours && !ours->taken ? US : SOMEBODY;
    }
    if (!pointer_at(app, handler_place)) {
        return NOBODY;
    }
    return ours && pointer_at(app, handler_place + 1) == ours ? US : SOMEBODY;
}

enum holder application_holder(const char *name, struct application *ours)
{
    struct stasis_app *app = stasis_app_get_by_name(name);
    enum holder holder = NOBODY;

    if (app) {
        ao2_lock(app);
        holder = app_holder(app, ours);
        ao2_unlock(app);
        ao2_ref(app, -1);
    }
    return holder;
}

void holders_learn(void)
{
    struct application *probe = application_create(PROBE);
    struct stasis_app *app = NULL;
    size_t place = 0;

    handler_place = 0;
    if (probe && !stasis_app_register(PROBE, application_event, probe)) {
        if ((app = stasis_app_get_by_name(PROBE))) {
            place = handler_find(app, application_event, probe);
        }
        stasis_app_unregister(PROBE);
        if (place && !pointer_at(app, place)) {
            handler_place = place;
        }
    }
    ao2_cleanup(app);
    ao2_cleanup(probe);
    if (!handler_place) {
        ast_log(LOG_WARNING,
                "This Asterisk does not show who has a Stasis application: one whose client has left, while it has "
                "subscriptions, is taken for one that is there\n");
    }
}

int holders_are_known(void)
{
    return handler_place != 0;
}
