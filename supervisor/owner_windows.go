package supervisor

import "io/fs"

func ownerOf(info fs.FileInfo) owner { return owner{mode: info.Mode()} }
