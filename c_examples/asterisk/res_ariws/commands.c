/*
 * The command line: the library's commands, as Asterisk's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include "asterisk/cli.h"
#include "asterisk/linkedlists.h"

#define WORD "ari"
#define OWN_WORD "ariws"

struct command {
    struct ast_cli_entry entry;
    char *words;
    char *usage;
    AST_LIST_ENTRY(command) list;
};

static AST_LIST_HEAD_NOLOCK_STATIC(commands, command);

static int command_is_registered(struct command *command)
{
    return command->entry._full_cmd != NULL;
}

int native;

static void take_candidate(void *data, const char *text, size_t length)
{
    /* It takes the copy over, also where it fails. */
    ast_cli_completion_add(ast_strndup(text, length));
}

/* The words as the library knows them. */
static void library_words(const char *words[], const char *const *typed, int count)
{
    int index;

    for (index = 0; index < count; index++) {
        words[index] = index ? typed[index] : WORD;
    }
}

static char *command_run(struct ast_cli_args *a)
{
    const char *words[AST_MAX_ARGS];
    struct ast_str *output = ast_str_create(1024);
    int32_t result;
    char *line;
    char *rest;

    if (!output) {
        return CLI_FAILURE;
    }
    library_words(words, a->argv, a->argc);
    result = library.cli_execute(instance, words, a->argc, take_text, &output);
    if (result == ARIWS_ERROR_USAGE) {
        /* Asterisk prints it. */
        ast_free(output);
        return CLI_SHOWUSAGE;
    }
    /* Line by line: what a slow console does not take of one piece at once is cut off. */
    for (rest = ast_str_buffer(output); !ast_strlen_zero(rest) && (line = strsep(&rest, "\n"));) {
        ast_cli(a->fd, "%s\n", line);
    }
    ast_free(output);
    if (result != ARIWS_OK && result != ARIWS_ERROR_COMMAND) {
        ast_cli(a->fd, "%s\n", library.result_text(result));
    }
    return result == ARIWS_OK ? CLI_SUCCESS : CLI_FAILURE;
}

static char *command_handle(struct ast_cli_entry *e, int cmd, struct ast_cli_args *a)
{
    struct command *command = (struct command *)e;
    const char *words[AST_MAX_ARGS];
    char *result;

    switch (cmd) {
    case CLI_INIT:
        e->command = command->words;
        e->usage = command->usage;
        return NULL;
    case CLI_GENERATE:
        /* All of them at once: asked for one after another, each would be looked for anew, among what changes
           meanwhile. */
        if (!a->n) {
            library_words(words, a->argv, a->pos);
            library.cli_complete(instance, words, a->pos, a->word, take_candidate, NULL);
        }
        return NULL;
    default:
        if (gate_enter()) {
            return CLI_FAILURE;
        }
        result = command_run(a);
        gate_leave();
        return result;
    }
}

/* Asterisk keeps an entry that it uses, and without a word to its caller; it may also come to use one that is being
   unregistered. So none is ever freed: the next load registers the same ones. It runs no command of a module that is
   not loaded. */
void commands_unregister(void)
{
    struct command *command;

    AST_LIST_TRAVERSE (&commands, command, list) {
        if (command_is_registered(command)) {
            ast_cli_unregister(&command->entry);
        }
    }
}

/* Where Asterisk has its own commands under our words, ours begin with another. */
static char *own_words(const char *text)
{
    const char *found = native ? strstr(text, WORD " ") : NULL;
    char *copy;

    if (!found) {
        return ast_strdup(text);
    }
    return ast_asprintf(&copy, "%.*s" OWN_WORD "%s", (int)(found - text), text, found + strlen(WORD)) < 0 ? NULL : copy;
}

static int command_create(const ariws_cli_command *known)
{
    struct ast_cli_entry entry = AST_CLI_DEFINE(command_handle, known->summary);
    struct command *command = ast_calloc(1, sizeof(*command));

    if (!command) {
        return -1;
    }
    /* Some of its members are const. */
    memcpy(&command->entry, &entry, sizeof(entry));
    command->words = own_words(known->words);
    command->usage = own_words(known->usage);
    if (!command->words || !command->usage) {
        ast_free(command->words);
        ast_free(command->usage);
        ast_free(command);
        return -1;
    }
    AST_LIST_INSERT_TAIL(&commands, command, list);
    return 0;
}

int commands_register(void)
{
    ariws_cli_command known = ARIWS_CLI_COMMAND_INIT;
    struct command *command = AST_LIST_FIRST(&commands);
    size_t index;

    for (index = 0; library.cli_commands(index, &known) == ARIWS_OK; index++) {
        if (!command && command_create(&known)) {
            return -1;
        }
        command = command ? command : AST_LIST_LAST(&commands);
        if (!command_is_registered(command) && ast_cli_register(&command->entry)) {
            return -1;
        }
        command = AST_LIST_NEXT(command, list);
    }
    if (native) {
        ast_log(LOG_NOTICE,
                "Asterisk has commands of its own that begin with '" WORD
                "': those of this module begin with '" OWN_WORD "', such as '" OWN_WORD " show outbound-websockets'\n");
    }
    return 0;
}

void native_find(void)
{
    char *found = ast_cli_generator(WORD " show outbound-websockets", "outbound-websockets", 0);

    native = found != NULL;
    ast_free(found);
}
