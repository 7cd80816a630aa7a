/* What this processor's fused multiply-add units give, in GFLOP/s in f32, on all cores: a loop over
   registers alone. Built and run by processor.ts: cc -O3 -march=native -pthread fma.c */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#if defined(__AVX512F__)
#define WIDTH 64
#elif defined(__AVX2__)
#define WIDTH 32
#else
#define WIDTH 16
#endif

typedef float vector __attribute__((vector_size(WIDTH)));
enum { chains = 12, turns = 40 * 1000 * 1000 }; /* chains enough to hide the latency */

static void *work(void *result) {
  vector sums[chains], factor, term;
  for (unsigned lane = 0; lane < WIDTH / 4; lane++) {
    factor[lane] = 0.999f;
    term[lane] = 0.001f;
    for (int chain = 0; chain < chains; chain++) sums[chain][lane] = (float)chain;
  }
  for (int turn = 0; turn < turns; turn++)
    for (int chain = 0; chain < chains; chain++) sums[chain] = sums[chain] * factor + term;
  float total = 0;
  for (int chain = 0; chain < chains; chain++) total += sums[chain][0];
  *(float *)result = total; /* so that nothing is optimised away */
  return NULL;
}

int main(void) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  pthread_t *threads = malloc(cores * sizeof *threads);
  float *results = malloc(cores * sizeof *results);
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (long i = 0; i < cores; i++) pthread_create(&threads[i], NULL, work, &results[i]);
  for (long i = 0; i < cores; i++) pthread_join(threads[i], NULL);
  clock_gettime(CLOCK_MONOTONIC, &end);
  double seconds = end.tv_sec - start.tv_sec + 1e-9 * (end.tv_nsec - start.tv_nsec);
  double operations = 2.0 * (WIDTH / 4) * chains * turns * cores;
  printf("%d %.2f %f\n", 8 * WIDTH, operations / seconds / 1e9, results[0]);
  return 0;
}
