/* Hides what came after AVX2 and FMA (AVX-512, AMX, AVX-VNNI, AVX10) from a program that this library
   is preloaded into, so that each of its libraries chooses as it would on a processor without:
   the CPUID instruction is made to fault (Linux, where the processor can), and answered here.
   Built by instruction_sets.ts: cc -O2 -shared -fPIC avx2_only.c -ldl */
#define _GNU_SOURCE
#include <cpuid.h>
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif
#define BIT(n) (1u << (n))

typedef int set_action(int, const struct sigaction *, struct sigaction *);

/* What the program itself wants done at SIGSEGV: V8 and Rust's runtime do. */
static struct sigaction theirs;

static set_action *next_sigaction(void) {
  static set_action *next;
  if (next == NULL) next = (set_action *)dlsym(RTLD_NEXT, "sigaction");
  return next;
}

/* registers: EAX, EBX, ECX, EDX */
static void hide(unsigned leaf, unsigned subleaf, unsigned registers[4]) {
  if (leaf == 7 && subleaf == 0) {
    registers[0] = 0; /* no further subleaf: there stand AVX-VNNI, AVX512_BF16, AVX10 */
    registers[1] &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
    registers[2] &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
    registers[3] &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));
  } else if (leaf == 0xd && subleaf == 0) {
    registers[0] &= ~(BIT(5) | BIT(6) | BIT(7) | BIT(17) | BIT(18)); /* masks, zmm, tiles */
  } else if (leaf == 7 || leaf == 0x1d || leaf == 0x1e || leaf == 0x24) {
    for (int i = 0; i < 4; i++) registers[i] = 0;
  }
}

static void answer_cpuid(greg_t *registers) {
  unsigned leaf = (unsigned)registers[REG_RAX], subleaf = (unsigned)registers[REG_RCX], found[4];
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
  __cpuid_count(leaf, subleaf, found[0], found[1], found[2], found[3]);
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
  hide(leaf, subleaf, found);
  registers[REG_RAX] = found[0];
  registers[REG_RBX] = found[1];
  registers[REG_RCX] = found[2];
  registers[REG_RDX] = found[3];
  registers[REG_RIP] += 2; /* the instruction's length */
}

static void on_fault(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *instruction = (const unsigned char *)registers[REG_RIP];
  /* A fault of privilege, not of an address: the instruction itself can be read. */
  if (info->si_code == SI_KERNEL && instruction[0] == 0x0f && instruction[1] == 0xa2) {
    answer_cpuid(registers);
  } else if (theirs.sa_flags & SA_SIGINFO) {
    theirs.sa_sigaction(number, info, context);
  } else if (theirs.sa_handler == SIG_DFL || theirs.sa_handler == SIG_IGN) {
    struct sigaction usual = {.sa_handler = SIG_DFL};
    next_sigaction()(SIGSEGV, &usual, NULL); /* the fault comes again, and ends the program */
  } else {
    theirs.sa_handler(number);
  }
}

/* The program's own handler of SIGSEGV is kept behind ours. */
int sigaction(int number, const struct sigaction *new, struct sigaction *old) {
  if (number != SIGSEGV) return next_sigaction()(number, new, old);
  struct sigaction before = theirs;
  if (new != NULL) theirs = *new;
  if (old != NULL) *old = before;
  return 0;
}

__attribute__((constructor)) static void begin(void) {
  struct sigaction ours = {.sa_sigaction = on_fault,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  sigemptyset(&ours.sa_mask);
  if (next_sigaction()(SIGSEGV, &ours, NULL) == 0 &&
      syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) == 0)
    return;
  fputs("Error: this system does not let a program's CPUID fault\n", stderr);
  _exit(3);
}
