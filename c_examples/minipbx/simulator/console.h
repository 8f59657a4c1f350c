/*
 * The console: lines that the operator types, or that --command gives.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * All of it runs in the main thread and without the lock, but where a function takes it.
 */
#ifndef MINIPBX_CONSOLE_H
#define MINIPBX_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pbx;
struct text;

/* How long the `wait` commands wait if they are not told. */
#define CONSOLE_WAIT_MS 10000

/* `words` are those behind the command's own. False after having said why, with console_fail. */
typedef bool (*console_run)(struct pbx *pbx, char **words, size_t count);

struct console_command {
    const char *words;
    const char *arguments;
    const char *summary;
    size_t minimum;
    size_t maximum;
    console_run run;
};

/* Runs a line; false if the command failed. */
bool console_execute(struct pbx *pbx, const char *line);
/* Whether `quit` was given. */
bool console_done(void);
/* Says why a command failed; always false. */
bool console_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes each completion of the last word, one a line; the last word is empty if the line ends in a blank. */
void console_complete(struct pbx *pbx, const char *line, struct text *completions);
/* Reads lines from standard input until its end, `quit` or a signal. */
void console_interactive(struct pbx *pbx);

/* console_calls.c */
bool console_dial(struct pbx *pbx, char **words, size_t count);
bool console_hangup(struct pbx *pbx, char **words, size_t count);
bool console_dtmf(struct pbx *pbx, char **words, size_t count);
bool console_place(const char *word, char **extension, char **context);
bool console_show_channels(struct pbx *pbx, char **words, size_t count);
bool console_show_dialplan(struct pbx *pbx, char **words, size_t count);
bool console_show_applications(struct pbx *pbx, char **words, size_t count);

/* console_wait.c */
bool console_wait_calls(struct pbx *pbx, char **words, size_t count);
bool console_wait_stasis(struct pbx *pbx, char **words, size_t count);
bool console_wait_registered(struct pbx *pbx, char **words, size_t count);
bool console_wait_unregistered(struct pbx *pbx, char **words, size_t count);
bool console_wait_session(struct pbx *pbx, char **words, size_t count);
bool console_wait_time(struct pbx *pbx, char **words, size_t count);

/* console_library.c: what is the library's. */
bool console_reload(struct pbx *pbx, char **words, size_t count);
bool console_show_connection(struct pbx *pbx, char **words, size_t count);
bool console_metrics(struct pbx *pbx, char **words, size_t count);
bool console_inbound_open(struct pbx *pbx, char **words, size_t count);
bool console_inbound_close(struct pbx *pbx, char **words, size_t count);
bool console_library_has(struct pbx *pbx, const char *first_word);
bool console_library_execute(struct pbx *pbx, char **words, size_t count);
void console_library_help(struct pbx *pbx);
/* The completions of `prefix` behind those words. */
void console_library_complete(struct pbx *pbx, char **words, size_t count, const char *prefix,
                              struct text *completions);
/* The output of a command of the library, for `wait session`. */
int32_t console_library_output(struct pbx *pbx, const char *const *words, size_t count, struct text *output);

/* console_load.c */
bool console_load(struct pbx *pbx, char **words, size_t count);
bool console_events(struct pbx *pbx, char **words, size_t count);

#endif
