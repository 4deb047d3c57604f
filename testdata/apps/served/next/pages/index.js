export default function Home({pid}) { return <p>{'next ' + pid}</p> }
export async function getServerSideProps() { return {props: {pid: process.pid}} }
