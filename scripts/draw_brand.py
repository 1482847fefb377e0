"""Draws the integration's icon and logo: `python -m scripts.draw_brand`.

A cloud that holds a home, with the link between the two that a registration makes.
"""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from scripts.house import DOMAIN, ROOT

BRAND = ROOT / "custom_components" / DOMAIN / "brand"
ICON_SIZE = 256
LOGO_HEIGHT = 128
UNIT = 2048
"""Side of the square everything is drawn in, before it is scaled down."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Colors:
    """What differs between the light and the dark drawing."""

    cloud: str
    house: str
    link: str
    text: str


LIGHT = Colors(cloud="#1d4e6b", house="#ffffff", link="#f2a33a", text="#1d4e6b")
DARK = Colors(cloud="#8ecae6", house="#10293a", link="#f2a33a", text="#e6f3fa")


def draw_icon(colors: Colors) -> Image.Image:
    """Draw the icon at its full resolution, cropped to what is drawn and centred in a square."""
    image = Image.new("RGBA", (UNIT, UNIT), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)

    # The cloud: three puffs on a base.
    draw.ellipse((40, 670, 820, 1450), fill=colors.cloud)
    draw.ellipse((420, 250, 1440, 1270), fill=colors.cloud)
    draw.ellipse((1160, 600, 2010, 1450), fill=colors.cloud)
    draw.rectangle((430, 960, 1585, 1450), fill=colors.cloud)

    # The house, open at the door.
    draw.polygon([(1024, 520), (1470, 900), (1370, 1010), (1024, 715), (678, 1010), (578, 900)], fill=colors.house)
    draw.polygon([(1024, 800), (1310, 1045), (1310, 1300), (738, 1300), (738, 1045)], fill=colors.house)
    draw.rounded_rectangle((924, 1060, 1124, 1300), radius=40, fill=colors.cloud)

    # The link, from the door out of the cloud to the thing.
    draw.rounded_rectangle((974, 1160, 1074, 1640), radius=50, fill=colors.link)
    draw.ellipse((874, 1540, 1174, 1840), fill=colors.link)
    draw.line([(950, 1695), (1004, 1749), (1102, 1640)], fill=colors.house, width=56, joint="curve")
    for x, y in ((950, 1695), (1102, 1640)):
        draw.ellipse((x - 28, y - 28, x + 28, y + 28), fill=colors.house)

    cropped = image.crop(image.getbbox())
    square = Image.new("RGBA", (max(cropped.size),) * 2, (0, 0, 0, 0))
    square.paste(cropped, ((square.width - cropped.width) // 2, (square.height - cropped.height) // 2))
    return square


def draw_logo(colors: Colors) -> Image.Image:
    """Draw the icon with the name beside it, cropped to what is drawn."""
    icon = draw_icon(colors)
    icon = icon.crop(icon.getbbox())
    image = Image.new("RGBA", (UNIT * 5, icon.height), (0, 0, 0, 0))
    image.paste(icon)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=icon.height * 0.36)
    for line, y in (("IoT Managed", 0.28), ("Integrations", 0.68)):
        draw.text((icon.width * 1.12, icon.height * y), line, font=font, fill=colors.text, anchor="lm")
    return image.crop(image.getbbox())


def save(image: Image.Image, name: str, width: int, height: int) -> None:
    """Scale down and save."""
    small = image.resize((width, height), Image.Resampling.LANCZOS)
    small.save(BRAND / name, optimize=True)


def main() -> None:
    """Draw all eight files that Home Assistant serves."""
    BRAND.mkdir(exist_ok=True)
    for prefix, colors in (("", LIGHT), ("dark_", DARK)):
        icon, logo = draw_icon(colors), draw_logo(colors)
        for suffix, scale in (("", 1), ("@2x", 2)):
            save(icon, f"{prefix}icon{suffix}.png", ICON_SIZE * scale, ICON_SIZE * scale)
            height = LOGO_HEIGHT * scale
            save(logo, f"{prefix}logo{suffix}.png", round(logo.width * height / logo.height), height)


if __name__ == "__main__":
    main()
