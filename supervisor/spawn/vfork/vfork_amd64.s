//go:build linux

#include "textflag.h"

// func vfork(args *cloneArgs, calls *call, n int, f *failure) (pid int)
//
// The child shares the memory, this stack with it: it must write nothing there, and never return.
TEXT ·vfork(SB), NOSPLIT, $0-40
	MOVQ args+0(FP), DI
	MOVQ calls+8(FP), R12
	MOVQ n+16(FP), R13
	MOVQ f+24(FP), BX
	MOVQ $88, SI  // size of clone_args
	MOVQ $435, AX // clone3
	SYSCALL
	TESTQ AX, AX
	JZ   child
	MOVQ AX, pid+32(FP)
	RET

child:
	XORQ R15, R15

next:
	CMPQ R15, R13
	JGE  end
	MOVQ 0(R12), AX
	MOVQ 8(R12), DI
	MOVQ 16(R12), SI
	MOVQ 24(R12), DX
	MOVQ 32(R12), R10
	MOVQ 40(R12), R8
	MOVQ 48(R12), R9
	SYSCALL
	CMPQ AX, $-4095
	JCC  failed

done:
	ADDQ $64, R12
	INCQ R15
	JMP  next

failed:
	CMPQ 56(R12), $0
	JNE  done
	NEGQ AX
	MOVQ R15, 0(BX)
	MOVQ AX, 8(BX)

end:
	MOVQ $127, DI
	MOVQ $231, AX // exit_group
	SYSCALL
	INT  $3
