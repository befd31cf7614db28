/* The compiled pump: datagrams in, known replies out; all else goes to Python unchanged.

It knows nothing of DNS but that a message begins with two octets of ID and that a reply repeats
them. A memo maps the octets after the ID to the octets after the ID of the reply; which replies
may be in it is decided in resolver/memorable.py. resolver/memo.py and resolver/listen/pumps.py
are the same in Python, and one test suite holds both to it.

Arrays of numbers (places on wheels, hand-outs, counts, guards) belong to Python, which never
changes their size: an entry keeps them alive and uses their memory.
*/

#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64            /* datagrams of one system call */
#define LONGEST 0.001       /* seconds of one wake-up; more would starve TCP and timers */
#define BUSY 4              /* datagrams that came at a time while more are worth waiting for */
#define LINGER 50000        /* nanoseconds to wait for them: less than another wake-up costs all */
#define LARGEST 65535       /* octets of a datagram */
#define STRIDE (65536 + 192) /* between buffers: not a multiple of a page, for the sake of caches */
#define CONTROL 64          /* octets of control data: one in6_pktinfo */
#define SEEN 8192           /* queries remembered as seen once, per memo */
#define MOST_SOURCES 65536
#define FULL_SIZE 200       /* octets counted for an entry beside its key and tails */

/* ---------------------------------------------------------------- hashing: SipHash-1-3 */

typedef struct { uint64_t k0, k1; } HashKey;

static int
new_hash_key(HashKey *key)
{
    if (getrandom(key, sizeof *key, 0) != (ssize_t)sizeof *key) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

#define ROTATE(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define SIPROUND                                                                                  \
    do {                                                                                          \
        v0 += v1; v1 = ROTATE(v1, 13); v1 ^= v0; v0 = ROTATE(v0, 32);                             \
        v2 += v3; v3 = ROTATE(v3, 16); v3 ^= v2;                                                  \
        v0 += v3; v3 = ROTATE(v3, 21); v3 ^= v0;                                                  \
        v2 += v1; v1 = ROTATE(v1, 17); v1 ^= v2; v2 = ROTATE(v2, 32);                             \
    } while (0)

/* Aumasson and Bernstein 2012, with 1 and 3 rounds: who does not know the key finds no collisions. */
static uint64_t
hash_octets(const HashKey *key, const unsigned char *octets, size_t size)
{
    uint64_t v0 = key->k0 ^ 0x736f6d6570736575ULL, v1 = key->k1 ^ 0x646f72616e646f6dULL;
    uint64_t v2 = key->k0 ^ 0x6c7967656e657261ULL, v3 = key->k1 ^ 0x7465646279746573ULL;
    uint64_t word, last = (uint64_t)size << 56;
    size_t position = 0;

    for (; position + 8 <= size; position += 8) {
        memcpy(&word, octets + position, 8);
        v3 ^= word;
        SIPROUND;
        v0 ^= word;
    }
    word = 0;
    memcpy(&word, octets + position, size - position);
    last |= word;
    v3 ^= last;
    SIPROUND;
    v0 ^= last;
    v2 ^= 0xff;
    SIPROUND;
    SIPROUND;
    SIPROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}

/* ---------------------------------------------------------------- Memo */

enum { PLACE, HANDED, GUARD, COUNT, HITS, LATENCY, ARRAYS };

typedef struct Entry {
    struct Entry *next;           /* in its bucket */
    struct Entry *older, *newer;  /* in the order in which room is made */
    uint64_t hash;
    double expires;
    void *numbers[ARRAYS];        /* the memory of the arrays; NULL where there is none */
    PyObject *arrays[ARRAYS];     /* which are kept alive */
    Py_ssize_t octets;            /* what it counts for */
    uint32_t turns, size;
    Py_ssize_t latency_size;      /* numbers in that array */
    unsigned char was_used;
    PyObject *tails[];            /* one for each turn, NULL until given once; then the key */
} Entry;

#define KEY(entry) ((unsigned char *)&(entry)->tails[(entry)->turns])

typedef struct {
    PyObject_HEAD
    HashKey key;
    Entry **buckets;
    size_t mask;                  /* buckets - 1 */
    Py_ssize_t count, most, octets, most_octets;
    Entry *oldest, *newest;
    uint32_t seen[SEEN];
} Memo;

static void
unlink_order(Memo *memo, Entry *entry)
{
    if (entry->older) entry->older->newer = entry->newer; else memo->oldest = entry->newer;
    if (entry->newer) entry->newer->older = entry->older; else memo->newest = entry->older;
}

static void
link_newest(Memo *memo, Entry *entry)
{
    entry->newer = NULL;
    entry->older = memo->newest;
    if (memo->newest) memo->newest->newer = entry; else memo->oldest = entry;
    memo->newest = entry;
}

static void
drop_entry(Memo *memo, Entry *entry)
{
    Entry **link = &memo->buckets[entry->hash & memo->mask];
    while (*link != entry) link = &(*link)->next;
    *link = entry->next;
    unlink_order(memo, entry);
    memo->count--;
    memo->octets -= entry->octets;
    for (uint32_t turn = 0; turn < entry->turns; turn++) Py_XDECREF(entry->tails[turn]);
    for (int which = 0; which < ARRAYS; which++) Py_XDECREF(entry->arrays[which]);
    PyMem_Free(entry);
}

/* Make room: the oldest goes, unless it was used since it was looked at last. */
static void
drop_one(Memo *memo)
{
    for (int tries = 0; tries < 16 && memo->oldest->was_used; tries++) {
        Entry *entry = memo->oldest;
        entry->was_used = 0;
        unlink_order(memo, entry);
        link_newest(memo, entry);
    }
    drop_entry(memo, memo->oldest);
}

static Entry *
find_entry(Memo *memo, uint64_t hash, const unsigned char *octets, size_t size)
{
    Entry *entry = memo->buckets[hash & memo->mask];
    for (; entry; entry = entry->next) {
        if (entry->hash == hash && entry->size == size && !memcmp(KEY(entry), octets, size))
            return entry;
    }
    return NULL;
}

static int
is_good(const Entry *entry, double now)
{
    const uint64_t *guard = entry->numbers[GUARD];
    return now < entry->expires && (!guard || *guard);
}

/* The tail of the next reply, borrowed, with everything counted; NULL: Python knows.
   `may_keep` says then whether the reply is worth keeping: it was asked for before. */
static PyObject *
next_tail(Memo *memo, const unsigned char *octets, size_t size, double now, Entry **found,
          int *may_keep)
{
    uint64_t hash = hash_octets(&memo->key, octets, size);
    Entry *entry = find_entry(memo, hash, octets, size);
    uint64_t *place;
    uint32_t turn = 0;

    if (!entry) {
        uint32_t mark = (uint32_t)(hash >> 32) | 1, *slot = &memo->seen[hash % SEEN];
        *may_keep = *slot == mark;
        *slot = mark;
        return NULL;
    }
    *may_keep = 1;
    if (!is_good(entry, now)) {
        drop_entry(memo, entry);
        return NULL;
    }
    place = entry->numbers[PLACE];
    if (place) turn = (uint32_t)((*place + 1) % entry->turns);
    if (!entry->tails[turn]) return NULL;
    if (place) ++*place;
    if (entry->numbers[HANDED]) ((double *)entry->numbers[HANDED])[turn] = now;
    ++*(uint64_t *)entry->numbers[COUNT];
    if (entry->numbers[HITS]) ++*(uint64_t *)entry->numbers[HITS];
    entry->was_used = 1;
    *found = entry;
    return entry->tails[turn];
}

static int
grow(Memo *memo)
{
    size_t mask = memo->mask * 2 + 1;
    Entry **buckets = PyMem_Calloc(mask + 1, sizeof *buckets);
    if (!buckets) return -1;
    for (Entry *entry = memo->oldest; entry; entry = entry->newer) {
        entry->next = buckets[entry->hash & mask];
        buckets[entry->hash & mask] = entry;
    }
    PyMem_Free(memo->buckets);
    memo->buckets = buckets;
    memo->mask = mask;
    return 0;
}

/* Take the memory of an array of at least `least` numbers; None is nothing. */
static int
take_array(Entry *entry, int which, PyObject *array, Py_ssize_t least)
{
    Py_buffer view;
    if (array == Py_None) return 0;
    if (PyObject_GetBuffer(array, &view, PyBUF_WRITABLE) < 0) return -1;
    if (view.itemsize == 8 && view.len >= least * 8) {
        entry->numbers[which] = view.buf;
        if (which == LATENCY) entry->latency_size = view.len / 8;
        entry->arrays[which] = Py_NewRef(array);
    }
    PyBuffer_Release(&view);
    if (!entry->numbers[which]) {
        PyErr_SetString(PyExc_ValueError, "an array of too few numbers");
        return -1;
    }
    return 0;
}

static void
discard(Entry *entry) /* one that no memo has */
{
    for (int which = 0; which < ARRAYS; which++) Py_XDECREF(entry->arrays[which]);
    PyMem_Free(entry);
}

static Entry *
new_entry(PyObject *key, Py_ssize_t turns, double expires, PyObject **arrays)
{
    Py_ssize_t size = PyBytes_GET_SIZE(key);
    Entry *entry = PyMem_Calloc(1, sizeof *entry + (size_t)turns * sizeof(PyObject *) + size);
    if (!entry) return (Entry *)PyErr_NoMemory();
    entry->turns = (uint32_t)turns;
    entry->size = (uint32_t)size;
    entry->expires = expires;
    memcpy(KEY(entry), PyBytes_AS_STRING(key), size);
    for (int which = 0; which < ARRAYS; which++) {
        if (take_array(entry, which, arrays[which], which == HANDED ? turns : which == LATENCY ? 3 : 1) < 0) {
            discard(entry);
            return NULL;
        }
    }
    if (!entry->numbers[COUNT] || !entry->numbers[LATENCY] || (turns > 1 && !entry->numbers[PLACE])) {
        discard(entry);
        PyErr_SetString(PyExc_ValueError, "an array is missing");
        return NULL;
    }
    return entry;
}

static int
is_of(const Entry *entry, Py_ssize_t turns, double expires, PyObject **arrays)
{
    if (entry->turns != turns || entry->expires != expires) return 0;
    for (int which = 0; which < ARRAYS; which++) {
        if (entry->arrays[which] != (arrays[which] == Py_None ? NULL : arrays[which])) return 0;
    }
    return 1;
}

static PyObject *
Memo_keep(Memo *memo, PyObject *kept)
{
    PyObject *key, *tail, *arrays[ARRAYS];
    Py_ssize_t turn, turns;
    double expires;
    if (!PyTuple_Check(kept)) {
        PyErr_SetString(PyExc_TypeError, "not a tuple");
        return NULL;
    }
    if (!PyArg_ParseTuple(kept, "SSnndOOOOOO", &key, &tail, &turn, &turns, &expires,
                          &arrays[PLACE], &arrays[HANDED], &arrays[GUARD], &arrays[COUNT],
                          &arrays[HITS], &arrays[LATENCY]))
        return NULL;
    if (turns < 1 || turns > 65536 || turn < 0 || turn >= turns) {
        PyErr_SetString(PyExc_ValueError, "no such turn");
        return NULL;
    }
    const unsigned char *octets = (unsigned char *)PyBytes_AS_STRING(key);
    size_t size = PyBytes_GET_SIZE(key);
    uint64_t hash = hash_octets(&memo->key, octets, size);
    Entry *entry = find_entry(memo, hash, octets, size);
    if (entry && !is_of(entry, turns, expires, arrays)) {
        drop_entry(memo, entry);
        entry = NULL;
    }
    if (!entry) {
        entry = new_entry(key, turns, expires, arrays);
        if (!entry) return NULL;
        if ((size_t)memo->count > memo->mask && grow(memo) < 0) {
            discard(entry);
            return PyErr_NoMemory();
        }
        entry->hash = hash;
        entry->next = memo->buckets[hash & memo->mask];
        memo->buckets[hash & memo->mask] = entry;
        link_newest(memo, entry);
        entry->octets = FULL_SIZE + (Py_ssize_t)size + turns * 8;
        memo->octets += entry->octets;
        memo->count++;
    }
    if (!entry->tails[turn]) {
        Py_ssize_t more = PyBytes_GET_SIZE(tail) + 40;
        entry->tails[turn] = Py_NewRef(tail);
        entry->octets += more;
        memo->octets += more;
    }
    while (memo->count && (memo->count > memo->most || memo->octets > memo->most_octets))
        drop_one(memo);
    Py_RETURN_NONE;
}

static PyObject *
Memo_give(Memo *memo, PyObject *arguments)
{
    Py_buffer octets;
    double now;
    Entry *entry;
    int may_keep;
    if (!PyArg_ParseTuple(arguments, "y*d", &octets, &now)) return NULL;
    PyObject *tail = next_tail(memo, octets.buf, octets.len, now, &entry, &may_keep);
    PyBuffer_Release(&octets);
    if (tail) return Py_NewRef(tail);
    return PyBool_FromLong(may_keep);
}

static PyObject *
Memo_shrink(Memo *memo, PyObject *argument)
{
    Py_ssize_t most = PyLong_AsSsize_t(argument);
    if (most == -1 && PyErr_Occurred()) return NULL;
    for (; most > 0 && memo->oldest; most--) drop_entry(memo, memo->oldest);
    return PyBool_FromLong(memo->oldest != NULL);
}

static PyObject *
Memo_octets(Memo *memo, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(memo->octets);
}

static Py_ssize_t
Memo_length(Memo *memo)
{
    return memo->count;
}

static PyObject *
Memo_new(PyTypeObject *type, PyObject *arguments, PyObject *Py_UNUSED(keywords))
{
    Py_ssize_t most, most_octets;
    if (!PyArg_ParseTuple(arguments, "nn", &most, &most_octets)) return NULL;
    Memo *memo = (Memo *)type->tp_alloc(type, 0);
    if (!memo) return NULL;
    memo->most = most;
    memo->most_octets = most_octets;
    memo->mask = 63;
    memo->buckets = PyMem_Calloc(memo->mask + 1, sizeof *memo->buckets);
    if (!memo->buckets || new_hash_key(&memo->key) < 0) {
        if (!PyErr_Occurred()) PyErr_NoMemory();
        Py_DECREF(memo);
        return NULL;
    }
    return (PyObject *)memo;
}

static void
Memo_dealloc(Memo *memo)
{
    while (memo->oldest) drop_entry(memo, memo->oldest);
    PyMem_Free(memo->buckets);
    Py_TYPE(memo)->tp_free(memo);
}

static PyMethodDef Memo_methods[] = {
    {"keep", (PyCFunction)Memo_keep, METH_O, "Keep the reply of one turn."},
    {"give", (PyCFunction)Memo_give, METH_VARARGS, "The next reply, or whether one may be kept."},
    {"shrink", (PyCFunction)Memo_shrink, METH_O, "Forget some; whether any are left."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef Memo_getset[] = {
    {"octets", (getter)Memo_octets, NULL, "What is kept, in octets.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PySequenceMethods Memo_sequence = {.sq_length = (lenfunc)Memo_length};

static PyTypeObject MemoType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "resolver.listen._pump.Memo",
    .tp_doc = "Replies by the exact octets of their queries, within a bound.",
    .tp_basicsize = sizeof(Memo),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = Memo_new,
    .tp_dealloc = (destructor)Memo_dealloc,
    .tp_methods = Memo_methods,
    .tp_getset = Memo_getset,
    .tp_as_sequence = &Memo_sequence,
};

/* ---------------------------------------------------------------- Pump */

typedef struct {
    unsigned char family;         /* 0: free */
    unsigned char address[16];
    uint32_t scope;
    Memo *memo;                   /* NULL: its queries all go to Python */
} Source;

typedef struct {
    PyObject_HEAD
    int fd;
    int is_wildcard, is_draining;
    PyObject *find_memo, *answer, *failed;
    HashKey key;
    Source *sources;
    size_t source_mask, source_count;
    double *bounds;               /* of the buckets of latencies */
    Py_ssize_t bound_count;
    unsigned char *buffers;
    struct sockaddr_storage peers[BATCH];
    unsigned char controls[BATCH][CONTROL];
    struct iovec in_vectors[BATCH], out_vectors[BATCH][2];
    struct mmsghdr in[BATCH], out[BATCH];
    PyObject *held[BATCH];        /* what out_vectors point into */
    double *latencies[BATCH];     /* of the replies out of memos; NULL for others */
    PyObject *latency_owners[BATCH];
} Pump;

static double
now_seconds(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (double)moment.tv_sec + 1e-9 * (double)moment.tv_nsec;
}

static void
forget_sources(Pump *pump)
{
    if (!pump->sources) return;
    for (size_t place = 0; place <= pump->source_mask; place++) {
        Source *source = &pump->sources[place];
        if (source->family) {
            source->family = 0;
            Py_CLEAR(source->memo);
        }
    }
    pump->source_count = 0;
}

/* Where an address is or would be; `key` is zeroed but for what identifies it. */
static Source *
find_source(Source *sources, size_t mask, const HashKey *hash_key, const Source *key)
{
    unsigned char octets[21];
    octets[0] = key->family;
    memcpy(octets + 1, key->address, 16);
    memcpy(octets + 17, &key->scope, 4);
    size_t place = hash_octets(hash_key, octets, sizeof octets) & mask;
    for (;; place = (place + 1) & mask) {
        Source *source = &sources[place];
        if (!source->family) return source;
        if (source->family == key->family && source->scope == key->scope
            && !memcmp(source->address, key->address, 16))
            return source;
    }
}

static int
grow_sources(Pump *pump)
{
    size_t mask = pump->source_mask * 2 + 1;
    Source *sources = PyMem_Calloc(mask + 1, sizeof *sources);
    if (!sources) return -1;
    for (size_t place = 0; place <= pump->source_mask; place++) {
        Source *old = &pump->sources[place];
        if (old->family) *find_source(sources, mask, &pump->key, old) = *old;
    }
    PyMem_Free(pump->sources);
    pump->sources = sources;
    pump->source_mask = mask;
    return 0;
}

static int
read_source(const struct sockaddr_storage *peer, Source *key)
{
    memset(key, 0, sizeof *key);
    if (peer->ss_family == AF_INET) {
        memcpy(key->address, &((const struct sockaddr_in *)peer)->sin_addr, 4);
        key->family = 4;
    } else if (peer->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
        memcpy(key->address, &six->sin6_addr, 16);
        key->scope = six->sin6_scope_id;
        key->family = 6;
    } else {
        return -1;
    }
    return 0;
}

static PyObject *
host_of(const struct sockaddr_storage *peer)
{
    char text[INET6_ADDRSTRLEN];
    const void *address = peer->ss_family == AF_INET
        ? (const void *)&((const struct sockaddr_in *)peer)->sin_addr
        : (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr;
    if (!inet_ntop(peer->ss_family, address, text, sizeof text))
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyUnicode_FromString(text);
}

/* (host, port), for IPv6 with flow and scope, as the socket module has it. */
static PyObject *
address_of(const struct sockaddr_storage *peer)
{
    PyObject *host = host_of(peer);
    if (!host) return NULL;
    if (peer->ss_family == AF_INET)
        return Py_BuildValue("Ni", host, ntohs(((const struct sockaddr_in *)peer)->sin_port));
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
    return Py_BuildValue("NiII", host, ntohs(six->sin6_port), ntohl(six->sin6_flowinfo),
                         six->sin6_scope_id);
}

/* The memo of a source, borrowed; NULL when its queries all go to Python. -1: an exception. */
static int
memo_of(Pump *pump, const struct sockaddr_storage *peer, Memo **memo)
{
    Source key, *source;
    *memo = NULL;
    if (read_source(peer, &key) < 0) return 0;
    source = find_source(pump->sources, pump->source_mask, &pump->key, &key);
    if (source->family) {
        *memo = source->memo;
        return 0;
    }
    PyObject *host = host_of(peer);
    if (!host) return -1;
    PyObject *found = PyObject_CallOneArg(pump->find_memo, host);
    Py_DECREF(host);
    if (!found) return -1;
    if (pump->source_count >= MOST_SOURCES) forget_sources(pump);
    if (pump->source_count * 2 > pump->source_mask && grow_sources(pump) < 0) {
        Py_DECREF(found);
        PyErr_NoMemory();
        return -1;
    }
    source = find_source(pump->sources, pump->source_mask, &pump->key, &key);
    if (!source->family) pump->source_count++;
    *source = key;
    if (PyObject_TypeCheck(found, &MemoType)) source->memo = (Memo *)found; else Py_DECREF(found);
    *memo = source->memo;
    return 0;
}

/* [(level, type, octets)] of a datagram, as recvmsg has it; None for a socket of one address. */
static PyObject *
control_of(Pump *pump, struct msghdr *header)
{
    if (!pump->is_wildcard) Py_RETURN_NONE;
    PyObject *list = PyList_New(0);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); list && c; c = CMSG_NXTHDR(header, c)) {
        PyObject *item = Py_BuildValue("iiy#", c->cmsg_level, c->cmsg_type, (char *)CMSG_DATA(c),
                                       (Py_ssize_t)(c->cmsg_len - CMSG_LEN(0)));
        if (!item || PyList_Append(list, item) < 0) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

/* Make the control data of a question into those of its reply: it leaves from the address asked. */
static size_t
turn_control(struct msghdr *header)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            info.ipi_ifindex = 0;
            info.ipi_addr.s_addr = 0;
            memcpy(CMSG_DATA(c), &info, sizeof info);
            return CMSG_SPACE(sizeof info);
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            return CMSG_SPACE(sizeof(struct in6_pktinfo));
    }
    return 0;
}

static void
report(PyObject *where)
{
    PyErr_WriteUnraisable(where); /* the callbacks catch their own; a datagram is lost */
}

/* Ask Python for a reply: a new reference, or NULL for none. */
static PyObject *
ask_python(Pump *pump, int number, size_t size, Memo *memo)
{
    PyObject *wire = PyBytes_FromStringAndSize(pump->in_vectors[number].iov_base, (Py_ssize_t)size);
    PyObject *peer = address_of(&pump->peers[number]);
    PyObject *control = control_of(pump, &pump->in[number].msg_hdr);
    PyObject *reply = NULL;
    if (wire && peer && control)
        reply = PyObject_CallFunctionObjArgs(pump->answer, wire, peer, control,
                                             memo ? (PyObject *)memo : Py_None, NULL);
    Py_XDECREF(wire);
    Py_XDECREF(peer);
    Py_XDECREF(control);
    if (!reply) report(pump->answer);
    else if (!PyBytes_Check(reply)) Py_CLEAR(reply); /* None: nothing to send now */
    return reply;
}

/* Put the reply to a datagram into the next place of `out`; whether there is one. */
static int
prepare_reply(Pump *pump, int number, int place, double now)
{
    const unsigned char *octets = pump->in_vectors[number].iov_base;
    size_t size = pump->in[number].msg_len;
    struct iovec *vectors = pump->out_vectors[place];
    struct msghdr *header = &pump->out[place].msg_hdr, *asked = &pump->in[number].msg_hdr;
    Memo *memo;
    Entry *entry = NULL;
    PyObject *tail = NULL;
    int may_keep = 0;

    if (memo_of(pump, &pump->peers[number], &memo) < 0) report(pump->find_memo);
    if (memo && size >= 12)
        tail = next_tail(memo, octets + 2, size - 2, now, &entry, &may_keep);
    if (tail) {
        pump->held[place] = Py_NewRef(tail);
        pump->latencies[place] = entry->latency_size >= pump->bound_count + 2
            ? entry->numbers[LATENCY] : NULL;
        pump->latency_owners[place] = Py_NewRef(entry->arrays[LATENCY]);
        vectors[0] = (struct iovec){(void *)octets, 2};
        vectors[1] = (struct iovec){PyBytes_AS_STRING(tail), (size_t)PyBytes_GET_SIZE(tail)};
        header->msg_iovlen = 2;
    } else {
        Memo *held = may_keep ? (Memo *)Py_NewRef((PyObject *)memo) : NULL;
        PyObject *reply = ask_python(pump, number, size, held);
        Py_XDECREF(held);
        if (!reply) return 0;
        pump->held[place] = reply;
        pump->latencies[place] = NULL;
        pump->latency_owners[place] = NULL;
        vectors[0] = (struct iovec){PyBytes_AS_STRING(reply), (size_t)PyBytes_GET_SIZE(reply)};
        header->msg_iovlen = 1;
    }
    header->msg_name = asked->msg_name;
    header->msg_namelen = asked->msg_namelen;
    header->msg_iov = vectors;
    header->msg_control = NULL;
    header->msg_controllen = pump->is_wildcard ? turn_control(asked) : 0;
    if (header->msg_controllen) header->msg_control = asked->msg_control;
    return 1;
}

static void
tell_failure(Pump *pump, int error)
{
    PyObject *result = PyObject_CallFunction(pump->failed, "i", error);
    if (!result) report(pump->failed);
    Py_XDECREF(result);
}

static void
send_replies(Pump *pump, int count)
{
    for (int sent = 0; sent < count;) {
        int done = sendmmsg(pump->fd, pump->out + sent, (unsigned)(count - sent), MSG_DONTWAIT);
        if (done > 0) {
            sent += done;
        } else if (errno != EINTR) {
            tell_failure(pump, errno);
            sent++; /* the client asks again */
        }
    }
}

/* Count the replies out of memos: all of a batch took as long as the batch. */
static void
count_latencies(Pump *pump, int count, double seconds)
{
    Py_ssize_t bucket = 0;
    while (bucket < pump->bound_count && seconds > pump->bounds[bucket]) bucket++;
    for (int place = 0; place < count; place++) {
        double *numbers = pump->latencies[place];
        if (numbers) {
            numbers[bucket] += 1.0;
            numbers[pump->bound_count + 1] += seconds;
        }
        Py_CLEAR(pump->latency_owners[place]);
        Py_CLEAR(pump->held[place]);
    }
}

/* One batch; how many datagrams came, negative when there was an error. */
static int
pump_batch(Pump *pump)
{
    double begin = now_seconds();
    int came, replies = 0;
    for (int number = 0; number < BATCH; number++) {
        struct msghdr *header = &pump->in[number].msg_hdr;
        header->msg_namelen = sizeof(struct sockaddr_storage);
        header->msg_controllen = pump->is_wildcard ? CONTROL : 0;
    }
    do {
        came = recvmmsg(pump->fd, pump->in, BATCH, MSG_DONTWAIT, NULL);
    } while (came < 0 && errno == EINTR);
    if (came < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK) tell_failure(pump, errno);
        return -1;
    }
    for (int number = 0; number < came; number++)
        replies += prepare_reply(pump, number, replies, begin);
    send_replies(pump, replies);
    count_latencies(pump, replies, now_seconds() - begin);
    return came;
}

/* Wait a moment for the next datagrams; whether they came. */
static int
linger(Pump *pump)
{
    struct pollfd waited = {.fd = pump->fd, .events = POLLIN};
    struct timespec moment = {.tv_nsec = LINGER};
    int ready;
    Py_BEGIN_ALLOW_THREADS
    ready = ppoll(&waited, 1, &moment, NULL);
    Py_END_ALLOW_THREADS
    return ready > 0;
}

static PyObject *
Pump_drain(Pump *pump, PyObject *Py_UNUSED(nothing))
{
    /* The interpreter is kept while there is work: who got it must not queue for it again. Under
       load, going through the event loop for each few datagrams would cost more than they do. */
    double end = now_seconds() + LONGEST;
    int last = 0, may_be_more = 1;
    if (pump->is_draining) {
        PyErr_SetString(PyExc_RuntimeError, "a pump cannot be drained by its own callbacks");
        return NULL;
    }
    pump->is_draining = 1;
    do {
        int came = pump_batch(pump);
        may_be_more = came >= 0 || (last >= BUSY && linger(pump));
        last = came;
    } while (may_be_more && now_seconds() < end);
    pump->is_draining = 0;
    return PyBool_FromLong(may_be_more);
}

static PyObject *
Pump_forget_sources(Pump *pump, PyObject *Py_UNUSED(nothing))
{
    forget_sources(pump);
    Py_RETURN_NONE;
}

static int
take_bounds(Pump *pump, PyObject *bounds)
{
    pump->bound_count = PyTuple_GET_SIZE(bounds);
    pump->bounds = PyMem_Calloc((size_t)pump->bound_count + 1, sizeof *pump->bounds);
    if (!pump->bounds) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t place = 0; place < pump->bound_count; place++) {
        pump->bounds[place] = PyFloat_AsDouble(PyTuple_GET_ITEM(bounds, place));
        if (PyErr_Occurred()) return -1;
    }
    return 0;
}

static int
make_room(Pump *pump)
{
    pump->source_mask = 255;
    pump->sources = PyMem_Calloc(pump->source_mask + 1, sizeof *pump->sources);
    pump->buffers = PyMem_Calloc(BATCH, STRIDE);
    if (!pump->sources || !pump->buffers) {
        PyErr_NoMemory();
        return -1;
    }
    for (int number = 0; number < BATCH; number++) {
        struct msghdr *header = &pump->in[number].msg_hdr;
        pump->in_vectors[number] = (struct iovec){pump->buffers + (size_t)number * STRIDE, LARGEST};
        header->msg_name = &pump->peers[number];
        header->msg_iov = &pump->in_vectors[number];
        header->msg_iovlen = 1;
        header->msg_control = pump->is_wildcard ? pump->controls[number] : NULL;
    }
    return new_hash_key(&pump->key);
}

static PyObject *
Pump_new(PyTypeObject *type, PyObject *arguments, PyObject *Py_UNUSED(keywords))
{
    int fd, is_wildcard;
    PyObject *find_memo, *answer, *failed, *bounds;
    if (!PyArg_ParseTuple(arguments, "ipOOOO!", &fd, &is_wildcard, &find_memo, &answer, &failed,
                          &PyTuple_Type, &bounds))
        return NULL;
    Pump *pump = (Pump *)type->tp_alloc(type, 0);
    if (!pump) return NULL;
    pump->fd = fd;
    pump->is_wildcard = is_wildcard;
    pump->find_memo = Py_NewRef(find_memo);
    pump->answer = Py_NewRef(answer);
    pump->failed = Py_NewRef(failed);
    if (take_bounds(pump, bounds) < 0 || make_room(pump) < 0) Py_CLEAR(pump);
    return (PyObject *)pump;
}

static int
Pump_traverse(Pump *pump, visitproc visit, void *arg)
{
    Py_VISIT(pump->find_memo);
    Py_VISIT(pump->answer);
    Py_VISIT(pump->failed);
    return 0;
}

static int
Pump_clear(Pump *pump)
{
    Py_CLEAR(pump->find_memo);
    Py_CLEAR(pump->answer);
    Py_CLEAR(pump->failed);
    forget_sources(pump);
    return 0;
}

static void
Pump_dealloc(Pump *pump)
{
    PyObject_GC_UnTrack(pump);
    Pump_clear(pump);
    PyMem_Free(pump->sources);
    PyMem_Free(pump->buffers);
    PyMem_Free(pump->bounds);
    Py_TYPE(pump)->tp_free(pump);
}

static PyMethodDef Pump_methods[] = {
    {"drain", (PyCFunction)Pump_drain, METH_NOARGS, "Answer what is here; whether more may be."},
    {"forget_sources", (PyCFunction)Pump_forget_sources, METH_NOARGS, "Ask anew who is who."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject PumpType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "resolver.listen._pump.Pump",
    .tp_doc = "Drains one UDP socket, which others keep open.",
    .tp_basicsize = sizeof(Pump),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = Pump_new,
    .tp_dealloc = (destructor)Pump_dealloc,
    .tp_traverse = (traverseproc)Pump_traverse,
    .tp_clear = (inquiry)Pump_clear,
    .tp_methods = Pump_methods,
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "resolver.listen._pump",
    .m_doc = "The compiled pump; see the source.",
    .m_size = -1,
};

PyMODINIT_FUNC
PyInit__pump(void)
{
    PyObject *made;
    if (PyType_Ready(&MemoType) < 0 || PyType_Ready(&PumpType) < 0) return NULL;
    made = PyModule_Create(&module);
    if (!made) return NULL;
    if (PyModule_AddObjectRef(made, "Memo", (PyObject *)&MemoType) < 0
        || PyModule_AddObjectRef(made, "Pump", (PyObject *)&PumpType) < 0)
        Py_CLEAR(made);
    return made;
}
