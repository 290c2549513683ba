/* main.c: the program `limbeck`: finds the command and hands over to it. */
#include <limbeck/limbeck.h>
#include <stdio.h>

int main(void) {
    printf("limbeck %d.%d.%d\n", LBK_VERSION_MAJOR, LBK_VERSION_MINOR, LBK_VERSION_PATCH);
    return 0;
}
