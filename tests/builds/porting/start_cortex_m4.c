/* Starts a program of newlib, whose files and exit are those of the host, through semihosting. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Of cortex_m4.ld. */
extern unsigned char stack_top[];
extern uint32_t data_start[];
extern uint32_t data_end[];
extern const uint32_t data_load[];
extern uint32_t bss_end[];

void initialise_monitor_handles(void); /* of newlib's librdimon */
int main(void);

/* What newlib calls of files that are not linked, by its names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void _init(void);
void _fini(void);
void _init(void)
{
}
void _fini(void)
{
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static void start(void)
{
    const uint32_t *from = data_load;
    uint32_t *to;

    for (to = data_start; to < data_end; to++)
        *to = *from++;
    for (; to < bss_end; to++)
        *to = 0;
    initialise_monitor_handles();
    exit(main());
}

static void fault(void)
{
    printf("FAILED: a fault\n");
    exit(EXIT_FAILURE);
}

struct vectors {
    const void *stack;
    void (*handlers[6])(void);
};

__attribute__((section(".vectors"), used)) const struct vectors vectors = {
    stack_top,
    {start, fault /* NMI */, fault, fault, fault, fault},
};
