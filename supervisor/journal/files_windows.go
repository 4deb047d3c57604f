package journal

const noFollow = 0 // symbolic links need a privilege here
