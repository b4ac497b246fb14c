/* The least that a machine can do for a prediction over HTTP: one thread, epoll, trees compiled into the program.
 *
 * It takes what the load sends: POST with Content-Length, a flat JSON object of numbers, whole in one segment. Names may
 * come in any order; a missing one is NaN. There is no validation, no metrics, no capture, no limit and no time-out, so
 * it is no server to use: it shows how much of another server's time is that server's own.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "trees.h"

#define REQUEST 65536
#define EVENTS 256

static int column(const char *name, size_t length, int guess) {
    for (int i = 0; i < FEATURES; i++) {
        int at = (guess + i) % FEATURES; /* most callers keep the order */
        if (strlen(names[at]) == length && memcmp(names[at], name, length) == 0) return at;
    }
    return -1;
}

/* Reads {"name": number, ...} into x; 0 where it is something else. */
static int parse(const char *at, float *x) {
    for (int i = 0; i < FEATURES; i++) x[i] = NAN;
    at += strspn(at, " \n{");
    for (int guess = 0; *at == '"'; guess++) {
        const char *name = ++at;
        at = strchr(at, '"');
        if (!at) return 0;
        int feature = column(name, (size_t)(at - name), guess);
        if (feature < 0) return 0;
        at += 1 + strspn(at + 1, " :");
        char *end;
        x[feature] = strtof(at, &end);
        if (end == at) return 0;
        at = end + strspn(end, " ,\n");
    }
    return *at == '}';
}

static size_t respond(const char *body, char *answer) {
    float x[FEATURES];
    char said[96];
    int ok = parse(body, x);
    int size = ok ? snprintf(said, sizeof said, "{\"prediction\":{\"value\":%.9g}}", (double)score(x))
                  : snprintf(said, sizeof said, "{\"error\":\"not a row of numbers\"}");
    return (size_t)sprintf(answer, "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s",
                           ok ? "200 OK" : "400 Bad Request", size, said);
}

/* Answers one request; 0 where the connection is to be closed. */
static int serve(int client) {
    static char request[REQUEST], answer[512];
    ssize_t size = recv(client, request, REQUEST - 1, 0);
    if (size <= 0) return 0;
    request[size] = 0;
    const char *body = strstr(request, "\r\n\r\n");
    if (!body) return 0;
    size_t length = respond(body + 4, answer);
    return send(client, answer, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static int listener(int port) {
    int one = 1, server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 1024)) {
        perror("bind");
        exit(1);
    }
    return server;
}

static void watch(int epoll, int socket) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = socket};
    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
}

int main(int count, char **words) {
    if (count != 2) return 2;
    int server = listener(atoi(words[1])), epoll = epoll_create1(0), one = 1;
    struct epoll_event events[EVENTS];
    watch(epoll, server);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int socket = events[i].data.fd;
            if (socket == server) {
                int client = accept4(server, 0, 0, 0);
                if (client < 0) continue;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                watch(epoll, client);
            } else if (!serve(socket)) {
                close(socket);
            }
        }
    }
}
