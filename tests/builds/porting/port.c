/* How the core test starts, shows text and ends: on AVR under simavr, on Cortex-M through
 * semihosting, in WebAssembly, on Linux without a C library, and with one. */
#include "port.h"

/* The compiler copies structs by it, also where there is no C library. */
#if defined(PORTING_MEMCPY)
void *memcpy(void *to, const void *from, size_t length);
void *memcpy(void *to, const void *from, size_t length)
{
    return port_copy(to, from, length);
}
#endif

#if defined(__AVR__)

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

void port_write(const char *text)
{
    UCSR0B = _BV(TXEN0);
    for (; *text != '\0'; text++) {
        while ((UCSR0A & _BV(UDRE0)) == 0) {
        }
        UDR0 = (uint8_t)*text;
    }
}

int main(void)
{
    core_test();
    cli();
    sleep_mode(); /* without interrupts this ends the simulation */
    return 0;
}

#elif defined(__arm__) && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'

#include <stdint.h>

/* Of cortex_m0.ld. */
extern unsigned char stack_top[];
extern uint32_t data_start[];
extern uint32_t data_end[];
extern const uint32_t data_load[];
extern uint32_t bss_end[];

static void semihost(uint32_t operation, uintptr_t argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

void port_write(const char *text)
{
    semihost(0x04, (uintptr_t)text); /* SYS_WRITE0 */
}

static void end(int failed)
{
    semihost(0x18, failed == 0 ? 0x20026u : 0x20023u); /* SYS_EXIT */
    for (;;) {
    }
}

static void start(void)
{
    const uint32_t *from = data_load;
    uint32_t *to;

    for (to = data_start; to < data_end; to++)
        *to = *from++;
    for (; to < bss_end; to++)
        *to = 0;
    end(core_test());
}

static void fault(void)
{
    port_write("FAILED: HardFault\n");
    end(1);
}

struct vectors {
    const void *stack;
    void (*handlers[3])(void);
};

__attribute__((section(".vectors"), used)) const struct vectors vectors = {
    stack_top,
    {start, fault /* NMI */, fault},
};

#elif defined(__wasm__)

/* run_wasm.js gives port_write and calls core_test. */

#elif defined(PORTING_LINUX_X86_64)

static long call(long number, long a, const void *b, size_t c)
{
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

void port_write(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0')
        length++;
    call(1, 1, text, length); /* write */
}

void start(void);
void start(void)
{
    call(231, core_test() == 0 ? 0 : 1, NULL, 0); /* exit_group */
}

__asm__(".globl _start\n_start: xor %ebp, %ebp\n call start\n hlt\n");

#else

#include <stdio.h>

void port_write(const char *text)
{
    fputs(text, stdout);
}

int main(void)
{
    return core_test() == 0 ? 0 : 1;
}

#endif
