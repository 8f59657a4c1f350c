// A host in C++ against what is installed: it loads the library, is called, asks it something and unloads.
// SPDX-License-Identifier: MIT OR Apache-2.0
//
// usage: host FOLDER, the one with ari.conf and websocket_client.conf
#include <ariws.h>

#include <atomic>
#include <cstdio>
#include <string>

namespace
{

struct Pbx {
    std::atomic<int> registered{0}, unregistered{0}, freed{0};
};

Pbx &pbx_of(void *userdata)
{
    return *static_cast<Pbx *>(userdata);
}

int fail(const std::string &why)
{
    std::fprintf(stderr, "%s\n", why.c_str());
    return 1;
}

} // namespace

int main(int count, char **arguments)
{
    Pbx pbx;
    ariws_host host = ARIWS_HOST_INIT;
    ariws_options options = ARIWS_OPTIONS_INIT;
    host.userdata = &pbx;
    host.log = [](void *, int32_t, const char *subject, const char *message) {
        std::fprintf(stderr, "%s: %s\n", subject, message);
    };
    host.ari_request = [](void *, const ariws_request *) {};
    host.app_register = [](void *userdata, const char *app, int32_t) -> int32_t {
        pbx_of(userdata).registered += std::string(app) == "voicebot";
        return ARIWS_APP_REGISTERED;
    };
    host.app_unregister = [](void *userdata, const char *app) {
        pbx_of(userdata).unregistered += std::string(app) == "voicebot";
    };
    host.app_is_registered = [](void *, const char *) -> int32_t { return 0; };
    host.context_create = [](void *, const char *, const char *) -> int32_t { return ARIWS_CONTEXT_CREATED; };
    host.context_destroy = [](void *, const char *) {};
    host.stasis_failed = [](void *, const char *, const char *) {};
    host.finalize = [](void *userdata) { pbx_of(userdata).freed++; };
    options.config_directory = count > 1 ? arguments[1] : ".";
    options.asterisk_id = "02:00:00:00:00:01";

    if (std::string(ariws_version()) != ARIWS_VERSION || ariws_abi_version() != ARIWS_ABI_VERSION) {
        return fail(std::string("the header is of " ARIWS_VERSION ", the library of ") + ariws_version());
    }
    ariws_instance *library = nullptr;
    char why[256];
    if (ariws_load(&host, &options, nullptr, nullptr, &library, why, sizeof why) != ARIWS_OK) {
        return fail(std::string("load: ") + why);
    }
    std::string page;
    auto write = [](void *data, const char *text, size_t length) {
        static_cast<std::string *>(data)->append(text, length);
    };
    const char *words[] = {"ari", "show", "outbound-websockets"};
    if (ariws_cli_execute(library, words, 3, write, &page) != ARIWS_OK || page.find("voicebot") == page.npos) {
        return fail("no connection is shown: " + page);
    }
    if (ariws_unload(library, 2000) != ARIWS_OK) {
        return fail("unload fails");
    }
    if (pbx.registered != 1 || pbx.unregistered != 1 || pbx.freed != 1) {
        return fail("a callback was not called once");
    }
    std::printf("ariws %s was loaded, called and unloaded\n", ariws_version());
    return 0;
}
