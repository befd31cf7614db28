/* The floor: what the kernel takes for a query, whoever answers.
 *
 * Sends every datagram back with the QR bit set, up to BATCH at a time (recvmmsg, sendmmsg), and
 * says on stderr where it listens.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, SIZE = 4096 };

static unsigned char octets[BATCH][SIZE];
static struct sockaddr_in peers[BATCH];
static struct iovec pieces[BATCH];
static struct mmsghdr messages[BATCH];

int main(void) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof here;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int room = 4 << 20;
  if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0 ||
      getsockname(fd, (struct sockaddr *)&here, &length) < 0) {
    perror("echo");
    return 1;
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  fprintf(stderr, "ready: listening on 127.0.0.1:%d\n", ntohs(here.sin_port));
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      pieces[i] = (struct iovec){octets[i], SIZE};
      memset(&messages[i], 0, sizeof messages[i]);
      messages[i].msg_hdr.msg_name = &peers[i];
      messages[i].msg_hdr.msg_namelen = sizeof peers[i];
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    int got = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    for (int i = 0; i < got; i++) {
      pieces[i].iov_len = messages[i].msg_len;
      if (messages[i].msg_len > 2) octets[i][2] |= 0x80;
    }
    for (int sent = 0; sent < got;) {
      int more = sendmmsg(fd, messages + sent, got - sent, 0);
      sent += more > 0 ? more : 1; /* what cannot be sent is passed over */
    }
  }
}
