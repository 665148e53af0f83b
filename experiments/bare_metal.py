"""Cross compilers, and emulators that run what they make: without an operating system's library, as on a device."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-ffreestanding")

START = """\
#include "HEADER"

#if defined(__arm__)
enum { READ = 3, WRITE = 4, EXIT = 1 };
static long system_call(long number, long one, const void *two, long three)
{
    register long r7 __asm__("r7") = number;
    register long r0 __asm__("r0") = one;
    register const void *r1 __asm__("r1") = two;
    register long r2 __asm__("r2") = three;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
    return r0;
}
#else
enum { READ = 63, WRITE = 64, EXIT = 93 };
static long system_call(long number, long one, const void *two, long three)
{
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = one;
    register const void *a1 __asm__("a1") = two;
    register long a2 __asm__("a2") = three;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}
#endif

void _start(void);
void _start(void)
{
    static INPUT in[INPUTS];
    static OUTPUT out[OUTPUTS];
    for (;;) {
        long got = 0;
        while (got < (long)sizeof in) {
            const long more = system_call(READ, 0, (char *)in + got, (long)sizeof in - got);
            if (more <= 0)
                system_call(EXIT, got != 0, 0, 0);
            got += more;
        }
        RUN(in, out);
        system_call(WRITE, 1, out, sizeof out);
    }
}
"""
"""Reads inputs and writes outputs until there are none, with nothing but the calls of Linux, which emulators answer."""


@dataclass(frozen=True)
class Target:
    """A processor.

    Attributes:
        prefix: of the tools' names.
        flags: what makes the compiler write for it.
        emulator: the program that runs what it has written.
    """

    prefix: str
    flags: tuple[str, ...]
    emulator: str

    @property
    def missing(self) -> str:
        """The first tool that isn't there, "" if all are."""
        tools = (f"{self.prefix}gcc", f"{self.prefix}size", f"{self.prefix}nm", self.emulator)
        return next((tool for tool in tools if shutil.which(tool) is None), "")

    @property
    def version(self) -> str:
        """The first line of what the compiler says of itself."""
        return _said([f"{self.prefix}gcc", "--version"]).splitlines()[0]


_RISCV = ("riscv64-unknown-elf-", "-Wl,--no-relax")
TARGETS = {
    "cortex-m4": Target("arm-none-eabi-", ("-mcpu=cortex-m4", "-mthumb"), "qemu-arm"),
    "cortex-m0plus": Target("arm-none-eabi-", ("-mcpu=cortex-m0plus", "-mthumb"), "qemu-arm"),
    "rv32imac": Target(_RISCV[0], ("-march=rv32imac", "-mabi=ilp32", _RISCV[1]), "qemu-riscv32"),
    "rv64imac": Target(_RISCV[0], ("-march=rv64imac", "-mabi=lp64", _RISCV[1]), "qemu-riscv64"),
}


def started(header: Path, neurons: tuple[int, int], types: tuple[str, str], run: str) -> str:
    """Return the source of a program around a header that needs no library.

    Args:
        header: the file.
        neurons: numbers of inputs and outputs.
        types: theirs.
        run: the function that takes both.
    """
    told = {"HEADER": header.name, "INPUTS": neurons[0], "OUTPUTS": neurons[1], "INPUT": types[0], "OUTPUT": types[1]}
    text = START
    for key in sorted(told, key=len, reverse=True):
        text = text.replace(key, str(told[key]))
    return text.replace("RUN", run)


def program(target: Target, source: str, folder: Path, optimized: str = "-Os") -> Path:
    """Compile a source that needs no library; return the program, which lies in that folder."""
    (folder / "start.c").write_text(source)
    command = [f"{target.prefix}gcc", *STRICT, optimized, "-nostdlib", *target.flags, "start.c", "-lgcc", "-o", "start"]
    _said(command, folder)
    return folder / "start"


def linked(target: Target, source: str, folder: Path, optimized: str) -> Path:
    """Compile a source and link it with what it needs of newlib and no more; return the program."""
    (folder / "linked.c").write_text(source)
    sections = ("-ffunction-sections", "-fdata-sections", "-nostartfiles", "--specs=nosys.specs", "-Wl,--gc-sections")
    command = [f"{target.prefix}gcc", *STRICT, optimized, *sections, *target.flags, "linked.c", "-lm", "-o", "linked"]
    _said(command, folder)
    return folder / "linked"


def compiled_object(target: Target, source: str, folder: Path, optimized: str = "-Os") -> Path:
    """Compile a source and link nothing; return the object, with the stack of each function beside it (`.su`)."""
    (folder / "part.c").write_text(source)
    command = [f"{target.prefix}gcc", *STRICT, optimized, "-fstack-usage", *target.flags, "-c", "part.c"]
    _said(command, folder)
    return folder / "part.o"


def sizes(target: Target, made: Path) -> tuple[int, int, int]:
    """Return the bytes of text, data and bss."""
    text, data, bss = _said([f"{target.prefix}size", str(made)]).splitlines()[1].split()[:3]
    return int(text), int(data), int(bss)


def undefined(target: Target, made: Path) -> list[str]:
    """Return the names that an object needs from elsewhere."""
    return [line.split()[-1] for line in _said([f"{target.prefix}nm", "-u", str(made)]).splitlines() if line.strip()]


def _said(command: list[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout
