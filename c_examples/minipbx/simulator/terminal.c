/*
 * Reading lines.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "terminal.h"

#include "console.h"
#include "signals.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define TAB '\t'
#define END_OF_INPUT 4
#define KILL_LINE 21
#define ESCAPE 27
#define BACKSPACE 8
#define DELETE 127

/* What was read and is not used yet. */
static char buffer[4096];
static size_t filled;
static size_t used;

/* The next byte; -1 at the end of the input, or when a signal came. */
static int read_byte(void)
{
    if (used < filled) {
        return (unsigned char)buffer[used++];
    }
    struct pollfd ready[2] = {{STDIN_FILENO, POLLIN, 0}, {signals_descriptor(), POLLIN, 0}};
    if (poll(ready, 2, -1) <= 0 || ready[1].revents != 0) {
        return -1;
    }
    ssize_t length = read(STDIN_FILENO, buffer, sizeof buffer);
    if (length <= 0) {
        return -1;
    }
    filled = (size_t)length;
    used = 1;
    return (unsigned char)buffer[0];
}

static char *read_plain(void)
{
    struct text line = {0};
    for (;;) {
        int byte = read_byte();
        if (byte == '\n' || (byte < 0 && line.length > 0)) {
            text_add(&line, "");
            return line.data;
        }
        if (byte < 0) {
            text_free(&line);
            return NULL;
        }
        char character = (char)byte;
        text_append(&line, &character, 1);
    }
}

static void echo(const char *string)
{
    fputs(string, stdout);
    fflush(stdout);
}

static void redraw(const char *prompt, const struct text *line)
{
    printf("\r\033[K%s%s", prompt, text_string(line));
    fflush(stdout);
}

/* Takes off the last character, which may be several bytes of UTF-8. */
static void erase_last(struct text *line)
{
    while (line->length > 0) {
        unsigned char byte = (unsigned char)line->data[--line->length];
        line->data[line->length] = '\0';
        if ((byte & 0xc0) != 0x80) {
            break;
        }
    }
}

/* How much all the lines of `completions` have in common; `only` receives whether there is just one. */
static size_t common_length(const char *completions, bool *only)
{
    size_t common = strcspn(completions, "\n");
    const char *at = completions + common;
    at += *at == '\n' ? 1 : 0;
    *only = *at == '\0';
    while (*at != '\0') {
        size_t length = strcspn(at, "\n");
        size_t same = 0;
        while (same < common && same < length && at[same] == completions[same]) {
            same++;
        }
        common = same;
        at += length;
        at += *at == '\n' ? 1 : 0;
    }
    return common;
}

static void complete(struct pbx *pbx, const char *prompt, struct text *line)
{
    struct text completions = {0};
    bool only;
    console_complete(pbx, text_string(line), &completions);
    if (completions.length > 0) {
        const char *blank = line->length == 0 ? NULL : strrchr(line->data, ' ');
        size_t start = blank == NULL ? 0 : (size_t)(blank - line->data) + 1;
        size_t typed = line->length - start;
        size_t common = common_length(completions.data, &only);
        if (common > typed || only) {
            /* The word is replaced, so that it gets the spelling of the candidate. */
            line->length = start;
            text_append(line, completions.data, common);
            text_add(line, only ? " " : "");
        } else {
            printf("\n%s", completions.data);
        }
        redraw(prompt, line);
    }
    text_free(&completions);
}

/* False at the end of the input. */
static bool edit(struct pbx *pbx, const char *prompt, struct text *line)
{
    for (;;) {
        int byte = read_byte();
        if (byte < 0 || (byte == END_OF_INPUT && line->length == 0)) {
            return false;
        }
        if (byte == '\n' || byte == '\r') {
            return true;
        }
        if (byte == TAB) {
            complete(pbx, prompt, line);
        } else if (byte == BACKSPACE || byte == DELETE) {
            erase_last(line);
            redraw(prompt, line);
        } else if (byte == KILL_LINE) {
            line->length = 0;
            text_add(line, "");
            redraw(prompt, line);
        } else if (byte == ESCAPE) {
            /* Keys such as the arrows send ESC [ and a letter: read over. */
            if (read_byte() == '[') {
                read_byte();
            }
        } else if (byte >= ' ') {
            char character[2] = {(char)byte, '\0'};
            text_append(line, character, 1);
            echo(character);
        }
    }
}

static char *read_edited(struct pbx *pbx, const char *prompt)
{
    struct termios before;
    struct termios raw;
    struct text line = {0};
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return read_plain();
    }
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    echo(prompt);
    text_add(&line, "");
    bool more = edit(pbx, prompt, &line);
    echo("\n");
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    if (!more) {
        text_free(&line);
    }
    return line.data;
}

char *terminal_read_line(struct pbx *pbx, const char *prompt)
{
    return isatty(STDIN_FILENO) ? read_edited(pbx, prompt) : read_plain();
}
