/* Nothing of this program counts but the functions that ROOTS names: no code calls them, and their
 * addresses lie in a section that is left out of the sum. */
#include "mqtt_codec.h"

#if !defined(ROOTS)
#define ROOTS ROOT(mqtt_decode) ROOT(mqtt_encode)
#endif

typedef void function(void);
extern function *const roots[];

#define ROOT(name) (function *)(name),
__attribute__((section(".roots"))) function *const roots[] = {ROOTS};
