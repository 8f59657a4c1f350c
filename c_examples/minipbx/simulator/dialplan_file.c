/*
 * Reading extensions.conf: the part of Asterisk's syntax that the sample file beside this one explains.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "dialplan.h"

#include "log.h"

#include "ariws.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct dialplan *dialplan;
    const char *path;
    unsigned int line;
    struct context *context;
    /* Of the last `exten`, for `same` and `n`. */
    char *extension;
    int priority;
};

static bool fault(const struct reader *reader, const char *what)
{
    log_line(ARIWS_LOG_ERROR, "", "%s:%u: %s", reader->path, reader->line, what);
    return false;
}

static bool read_section(struct reader *reader, char *line)
{
    char *end = strchr(line, ']');
    if (end == NULL) {
        return fault(reader, "the name of the context has no ']'");
    }
    *end = '\0';
    reader->context = dialplan_context(reader->dialplan, trim(line + 1));
    if (reader->context == NULL) {
        reader->context = dialplan_add_context(reader->dialplan, trim(line + 1), false);
    }
    replace_string(&reader->extension, NULL);
    return true;
}

/* "n" is the next one, "n(label)" too: the label is read over. */
static bool read_priority(struct reader *reader, char *text)
{
    long priority;
    char *label = strchr(text, '(');
    if (label != NULL) {
        *label = '\0';
    }
    text = trim(text);
    if (strcmp(text, "n") == 0) {
        reader->priority++;
        return true;
    }
    if (!parse_number(text, 1, 100000, &priority)) {
        return fault(reader, "the priority is neither a number nor n");
    }
    reader->priority = (int)priority;
    return true;
}

/* "Stasis(app,arg)" or "Answer". */
static void read_step(struct reader *reader, char *text)
{
    char *data = strchr(text, '(');
    if (data != NULL) {
        *data++ = '\0';
        char *end = strrchr(data, ')');
        if (end != NULL) {
            *end = '\0';
        }
    }
    dialplan_add_step(reader->context, reader->extension, reader->priority, trim(text), data == NULL ? "" : data);
}

static bool read_setting(struct reader *reader, char *line)
{
    char *value = strchr(line, '=');
    if (value == NULL) {
        return fault(reader, "a line must be [context], exten = … or same = …");
    }
    *value++ = '\0';
    if (*value == '>') {
        value++;
    }
    char *key = trim(line);
    bool same = strcmp(key, "same") == 0;
    if (!same && strcmp(key, "exten") != 0) {
        return fault(reader, "minipbx knows exten and same only");
    }
    if (reader->context == NULL) {
        return fault(reader, "there is no [context] before this line");
    }
    if (same && reader->extension == NULL) {
        return fault(reader, "there is no exten before same");
    }
    if (!same) {
        char *comma = strchr(value, ',');
        if (comma == NULL) {
            return fault(reader, "exten = EXTENSION,PRIORITY,APPLICATION(DATA)");
        }
        *comma = '\0';
        replace_string(&reader->extension, trim(value));
        reader->priority = 0;
        value = comma + 1;
    }
    char *comma = strchr(value, ',');
    if (comma == NULL) {
        return fault(reader, "the application is missing");
    }
    *comma = '\0';
    if (!read_priority(reader, value)) {
        return false;
    }
    read_step(reader, trim(comma + 1));
    return true;
}

/* Everything behind a semicolon is a comment, but for one behind a backslash. */
static void cut_comment(char *line)
{
    char *to = line;
    for (char *from = line; *from != '\0' && *from != ';'; from++) {
        if (from[0] == '\\' && from[1] == ';') {
            from++;
        }
        *to++ = *from;
    }
    *to = '\0';
}

bool dialplan_load(struct dialplan *dialplan, const char *path)
{
    struct reader reader = {dialplan, path, 0, NULL, NULL, 0};
    char *buffer = NULL;
    size_t size = 0;
    bool good = true;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        log_line(ARIWS_LOG_ERROR, "", "cannot read %s: %s", path, strerror(errno));
        return false;
    }
    while (good && getline(&buffer, &size, file) != -1) {
        reader.line++;
        cut_comment(buffer);
        char *line = trim(buffer);
        if (*line == '[') {
            good = read_section(&reader, line);
        } else if (*line != '\0') {
            good = read_setting(&reader, line);
        }
    }
    free(buffer);
    free(reader.extension);
    fclose(file);
    return good;
}
