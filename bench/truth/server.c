/* The truth: answers every chat request with a stream whose chunk k leaves at (arrival + TTFT + k * ITL), by the
 * monotonic clock, and tells how late each really left. Deadlines are absolute; the arrival is the kernel's.
 *
 * truth TTFT_MS ITL_MS CHUNKS [CERTIFICATE KEY]: prints its port, serves until standard input ends.
 * GET /truth?skip=N: how late the chunks were since the last such request, which also begins a new count that leaves
 * the first N streams out. */
#define _GNU_SOURCE
#include "channel.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS 65536      /* connections at most, by file descriptor */
#define BUCKETS 2000000  /* of one microsecond */

typedef struct {
    Channel channel;
    int64_t t0;      /* when the request arrived */
    int64_t sent_ns; /* when the chunk before left */
    int chunk;       /* the next one; -1 when no answer is under way */
    int counted, streams, legacy, wants_out;
    unsigned life;   /* tells a connection from a later one with the same descriptor */
} Connection;

typedef struct {
    int64_t due;
    int fd;
    unsigned life;
} Deadline;

static struct {
    uint32_t of[BUCKETS];
    uint64_t count;
    int64_t max;
} first_late, next_late, gaps;

static Connection connections[SLOTS];
static Deadline heap[SLOTS * 2];
static size_t heaped;
static int poller, chunks;
static int64_t ttft_ns, itl_ns, began_ns, ended_ns; /* the first counted arrival, the last counted end */
static long streams, finished, broken, skip, opened, at_once, most_at_once;

static void note(void *where, int64_t ns) {
    typeof(first_late) *h = where;
    int64_t us = ns < 0 ? 0 : ns / 1000;
    h->of[us < BUCKETS ? us : BUCKETS - 1]++;
    h->count++;
    if (us > h->max) h->max = us;
}

/* Nearest rank, in microseconds. */
static long share(void *where, double part) {
    typeof(first_late) *h = where;
    uint64_t rank = (uint64_t)(h->count * part), seen = 0;
    for (long us = 0; us < BUCKETS; us++)
        if ((seen += h->of[us]) > rank || seen == h->count) return us;
    return 0;
}

static void push(int64_t due, int fd, unsigned life) {
    size_t at = heaped++;
    if (heaped >= SLOTS * 2) abort();
    for (; at && heap[(at - 1) / 2].due > due; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = (Deadline){due, fd, life};
}

static Deadline pop(void) {
    Deadline top = heap[0], last = heap[--heaped];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < heaped) {
        if (child + 1 < heaped && heap[child + 1].due < heap[child].due) child++;
        if (heap[child].due >= last.due) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}

static void end(Connection *c) {
    if (c->chunk >= 0) {
        broken++;
        at_once--;
    }
    c->chunk = -1;
    c->life++;
    channel_close(&c->channel);
}

static void watch(Connection *c) {
    int wants = c->channel.out.used > 0;
    if (wants == c->wants_out) return;
    struct epoll_event e = {.events = EPOLLIN | (wants ? EPOLLOUT : 0), .data.fd = c->channel.fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->channel.fd, &e);
    c->wants_out = wants;
}

static int reply(Connection *c, const char *status, const char *body) {
    char text[4096];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
                     strlen(body), body);
    return channel_write(&c->channel, text, n);
}

static int tell(Connection *c, const char *path) {
    char body[1024];
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    snprintf(body, sizeof body,
             "{\"streams\": %ld, \"finished\": %ld, \"broken\": %ld, \"connections\": %ld, \"most_at_once\": %ld, "
             "\"first_late_us\": [%ld, %ld, %ld], \"next_late_us\": [%ld, %ld, %ld], \"gap_us\": [%ld, %ld, %ld], "
             "\"span_s\": %.3f, \"cpu_s\": %.3f}",
             streams, finished, broken, opened, most_at_once, share(&first_late, 0.5), share(&first_late, 0.99),
             (long)first_late.max, share(&next_late, 0.5), share(&next_late, 0.99), (long)next_late.max,
             share(&gaps, 0.5), share(&gaps, 0.99), (long)gaps.max,
             (ended_ns - began_ns) / 1e9, cpu);
    const char *asked = strstr(path, "skip=");
    skip = asked ? atol(asked + 5) : 0;
    streams = finished = broken = opened = 0;
    began_ns = ended_ns = 0;
    most_at_once = at_once;
    memset(&first_late, 0, sizeof first_late);
    memset(&next_late, 0, sizeof next_late);
    memset(&gaps, 0, sizeof gaps);
    return reply(c, "200 OK", body);
}

/* One chunk, with the head before the first and usage, [DONE] and the end of the body behind the last. */
static int send_chunk(Connection *c) {
    static const char *head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    char event[1024], text[4096];
    int last = c->chunk == chunks - 1, n, at;
    const char *why = last ? "\"stop\"" : "null", *kind = c->legacy ? "text_completion" : "chat.completion.chunk";
    const char *envelope = "\"created\":1760000000,\"model\":\"truth\"";
    n = snprintf(event, sizeof event, "data: {\"id\":\"truth-1\",\"object\":\"%s\",%s,\"choices\":[{\"index\":0,", kind,
                 envelope);
    n += snprintf(event + n, sizeof event - n,
                  c->legacy ? "\"text\":\" word\",\"finish_reason\":%s}]}\n\n"
                            : "\"delta\":{%s\"content\":\" word\"},\"finish_reason\":%s}]}\n\n",
                  c->legacy ? why : c->chunk ? "" : "\"role\":\"assistant\",", why);
    if (last)
        n += snprintf(event + n, sizeof event - n,
                      "data: {\"id\":\"truth-1\",\"object\":\"%s\",%s,\"choices\":[],\"usage\":{\"prompt_tokens\":8,"
                      "\"completion_tokens\":%d,\"total_tokens\":%d}}\n\ndata: [DONE]\n\n",
                      kind, envelope, chunks, chunks + 8);
    at = snprintf(text, sizeof text, "%s%x\r\n%s\r\n%s", c->chunk ? "" : head, n, event, last ? "0\r\n\r\n" : "");
    return channel_write(&c->channel, text, at);
}

/* Sends the chunk that is due, notes how late it was, and sets the next deadline. */
static void step(Connection *c) {
    int64_t due = c->t0 + ttft_ns + c->chunk * itl_ns;
    if (send_chunk(c) < 0) return end(c);
    int64_t now = monotonic_ns();
    if (c->counted) {
        note(c->chunk ? (void *)&next_late : (void *)&first_late, now - due);
        if (c->chunk) note(&gaps, now - c->sent_ns);
    }
    c->sent_ns = now;
    watch(c);
    if (++c->chunk < chunks) return push(due + itl_ns, c->channel.fd, c->life);
    c->chunk = -1;
    finished++;
    at_once--;
    if (c->counted) ended_ns = now;
}

static int answer(Connection *c, const char *path, const char *body) {
    if (!strncmp(path, "/truth", 6)) return tell(c, path);
    if (strstr(path, "/models"))
        return reply(c, "200 OK",
                     "{\"object\":\"list\",\"data\":[{\"id\":\"truth\",\"object\":\"model\",\"created\":1760000000,"
                     "\"owned_by\":\"truth\",\"max_model_len\":32768}]}");
    if (!strcmp(path, "/health")) return reply(c, "200 OK", "{}");
    const char *flag = strstr(body, "\"stream\"");
    if (!strstr(path, "/completions") || !flag) return reply(c, "404 Not Found", "{}");
    for (flag += 8; *flag == ' ' || *flag == ':'; flag++)
        ;
    if (strncmp(flag, "true", 4)) return reply(c, "404 Not Found", "{}");
    c->legacy = !strstr(path, "/chat/");
    c->t0 = c->channel.arrived_ns;
    c->chunk = 0;
    c->counted = ++streams > skip;
    if (c->counted && !began_ns) began_ns = c->t0;
    if (++at_once > most_at_once) most_at_once = at_once;
    push(c->t0 + ttft_ns, c->channel.fd, c->life);
    return 0;
}

/* Takes one whole request from what was read, if there is one. */
static void take(Connection *c) {
    Bytes *in = &c->channel.in;
    if (c->chunk >= 0 || !in->used) return;
    char *stop = memmem(in->data, in->used, "\r\n\r\n", 4), path[256] = "";
    if (!stop) return;
    size_t head = stop - in->data + 4, length = 0;
    *stop = 0;
    for (char *line = strstr(in->data, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, "content-length:", 15)) length = strtoul(line + 17, NULL, 10);
    if (in->used < head + length) {
        *stop = '\r';
        return;
    }
    sscanf(in->data, "%*15s %255s", path);
    char *body = strndup(in->data + head, length);
    bytes_drop(in, head + length);
    int failed = !body || answer(c, path, body) < 0;
    free(body);
    if (failed) end(c);
    else watch(c);
}

static void admit(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= SLOTS) {
            close(fd);
            continue;
        }
        Connection *c = &connections[fd];
        channel_open(&c->channel, fd);
        c->chunk = -1;
        c->wants_out = 0;
        opened++;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

static void serve(int listener) {
    struct epoll_event ready[256];
    for (;;) {
        for (int n = 0; n < 256 && heaped && heap[0].due <= monotonic_ns(); n++) {
            Deadline d = pop();
            Connection *c = &connections[d.fd];
            if (c->life == d.life && c->chunk >= 0) step(c);
        }
        int64_t wait = heaped ? heap[0].due - monotonic_ns() : 1000000000LL;
        if (wait < 0) wait = 0;
        struct timespec timeout = {wait / 1000000000LL, wait % 1000000000LL};
        int n = epoll_pwait2(poller, ready, 256, &timeout, NULL);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.fd == listener) {
                admit(listener);
                continue;
            }
            if (ready[i].data.fd == 0) {
                char byte;
                if (read(0, &byte, 1) <= 0) return;
                continue;
            }
            Connection *c = &connections[ready[i].data.fd];
            if (ready[i].events & EPOLLOUT && channel_flush(&c->channel) < 0) {
                end(c);
                continue;
            }
            if (channel_read(&c->channel) < 0) end(c);
            else take(c);
            if (c->channel.fd >= 0) watch(c);
        }
    }
}

int main(int count, char **given) {
    if (count < 4) return fprintf(stderr, "truth TTFT_MS ITL_MS CHUNKS [CERTIFICATE KEY]\n"), 2;
    ttft_ns = atof(given[1]) * 1e6, itl_ns = atof(given[2]) * 1e6, chunks = atoi(given[3]);
    if (count > 5 && channel_tls_setup(given[4], given[5]) < 0) return fprintf(stderr, "no TLS\n"), 3;
    prctl(PR_SET_TIMERSLACK, 1UL);
    struct rlimit files = {SLOTS, SLOTS};
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    setsockopt(listener, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, size) || listen(listener, 4096)) return perror("truth"), 3;
    getsockname(listener, (struct sockaddr *)&at, &size);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, in = {.events = EPOLLIN, .data.fd = 0};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &in);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    serve(listener);
    return 0;
}
