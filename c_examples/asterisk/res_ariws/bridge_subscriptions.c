/*
 * Asterisk subscribes each application to all bridges, for their transfers and merges, and tells each subscription of
 * every other one that comes or goes: whenever an application is registered or unregistered a thread of every other
 * wakes, and does nothing. So those of ours are told to leave that out; before they end, or become somebody else's, to
 * take it again, for Asterisk frees an application when it is told so of the end of its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include "asterisk/stasis.h"
#include "asterisk/stasis_bridges.h"
#include "asterisk/taskprocessor.h"

#ifdef HAVE_STASIS_FILTERS

/* Newer headers have a macro of this name instead, for a function that releases just before them have not: then the
   module would not load there. All have this one. */
#undef ast_taskprocessor_push_local
int ast_taskprocessor_push_local(struct ast_taskprocessor *tps, int (*task_exe)(struct ast_taskprocessor_local *local),
                                 void *datap);

/* The mailbox of a subscription to this topic with the highest number that is below *number and above `first`; *number
   becomes its number. */
static struct ast_taskprocessor *mailbox_find(const char *topic, unsigned int first, unsigned int *number)
{
    char name[AST_TASKPROCESSOR_MAX_NAME + 1];
    struct ast_taskprocessor *mailbox = NULL;
    char *digits;

    /* Cuts a long name as Asterisk did. */
    ast_taskprocessor_build_name(name, sizeof(name), "stasis/m:%s", topic);
    digits = strrchr(name, '-') + 1;
    while (!mailbox && *number - first > 1) {
        sprintf(digits, "%08x", --*number); /* Safe */
        mailbox = ast_taskprocessor_get(name, TPS_REF_IF_EXISTS);
    }
    return mailbox;
}

static struct ast_taskprocessor *mailbox_find_bridges(unsigned int first, unsigned int *number)
{
    return mailbox_find(stasis_topic_name(ast_bridge_topic_all()), first, number);
}

static int changes_accept(struct ast_taskprocessor_local *local)
{
    stasis_subscription_accept_message_type(local->local_data, stasis_subscription_change_type());
    return 0;
}

static int changes_decline(struct ast_taskprocessor_local *local)
{
    stasis_subscription_decline_message_type(local->local_data, stasis_subscription_change_type());
    return 0;
}

/* Whether it is told of those that come and go. With the application locked. */
static void application_hear_changes(struct application *application, int wanted)
{
    struct stasis_app *app = stasis_app_get_by_name(application->name);
    unsigned int number = application->bridges + 1;
    struct ast_taskprocessor *mailbox = application->bridges ? mailbox_find_bridges(number - 2, &number) : NULL;

    if (app && mailbox) {
        ao2_lock(app);
        /* While it is ours and locked its subscriptions stay; what is put into a mailbox now is done before they go. */
        if (app_holder(app, application) == US &&
            ast_taskprocessor_push_local(mailbox, wanted ? changes_accept : changes_decline, NULL)) {
            ast_log(LOG_ERROR, "Out of memory: application %s\n", application->name);
        }
        ao2_unlock(app);
    }
    ast_taskprocessor_unreference(mailbox);
    ao2_cleanup(app);
}

unsigned int mailbox_latest(void)
{
    return ast_taskprocessor_seq_num();
}

/* Of one that was registered after `first` was the number of the latest mailbox. Asterisk makes that for bridges just
   before that of the application's own topic, and none of another application in between. */
void application_quieten(struct application *application, unsigned int first)
{
    unsigned int number = ast_taskprocessor_seq_num();
    char topic[sizeof("ari:application/") + strlen(application->name)];
    struct ast_taskprocessor *own;
    struct ast_taskprocessor *bridges;

    sprintf(topic, "ari:application/%s", application->name); /* Safe */
    own = mailbox_find(topic, first, &number);
    bridges = own ? mailbox_find_bridges(first, &number) : NULL;
    ao2_lock(application);
    if (bridges) {
        application->bridges = number;
    }
    /* Else it was registered already, by us or by somebody else. */
    if (holders_are_known() && !application->taken) {
        application_hear_changes(application, 0);
    }
    ao2_unlock(application);
    ast_taskprocessor_unreference(bridges);
    ast_taskprocessor_unreference(own);
}

void application_let_go(struct application *application)
{
    application_hear_changes(application, 1);
}

#else

unsigned int mailbox_latest(void)
{
    return 0;
}

void application_quieten(struct application *application, unsigned int first)
{
}

void application_let_go(struct application *application)
{
}

#endif
