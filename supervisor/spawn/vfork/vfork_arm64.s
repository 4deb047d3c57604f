//go:build linux

#include "textflag.h"

// func vfork(args *cloneArgs, calls *call, n int, f *failure) (pid int)
//
// The child shares the memory, this stack with it: it must write nothing there, and never return.
TEXT ·vfork(SB), NOSPLIT, $0-40
	MOVD args+0(FP), R0
	MOVD calls+8(FP), R19
	MOVD n+16(FP), R20
	MOVD f+24(FP), R21
	MOVD $88, R1  // size of clone_args
	MOVD $435, R8 // clone3
	SVC
	CBZ  R0, child
	MOVD R0, pid+32(FP)
	RET

child:
	MOVD $0, R22

next:
	CMP  R20, R22
	BGE  end
	MOVD 0(R19), R8
	MOVD 8(R19), R0
	MOVD 16(R19), R1
	MOVD 24(R19), R2
	MOVD 32(R19), R3
	MOVD 40(R19), R4
	MOVD 48(R19), R5
	SVC
	CMN  $4095, R0
	BCS  failed

done:
	ADD  $64, R19
	ADD  $1, R22
	B    next

failed:
	MOVD 56(R19), R9
	CBNZ R9, done
	NEG  R0, R0
	MOVD R22, 0(R21)
	MOVD R0, 8(R21)

end:
	MOVD $127, R0
	MOVD $94, R8 // exit_group
	SVC
	BRK
